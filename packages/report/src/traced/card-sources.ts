import type { CellFormat, ValueSource } from './cell.js';

/** Name of the file beside a card that says where each of its numbers comes from. */
export const CARD_SOURCES_FILE = 'card.sources.json';

/** How a value of the card is made again from files. */
export interface SourcedValue {
  readonly format: CellFormat;
  /** `eval/h5/step_000050.json#/headline/avOut`; three of them are a figure and the ends of its interval. */
  readonly from: readonly string[];
}

/**
 * Where the numbers of a card come from. No number is in it: each is made again from the files, so that a number changed by hand, here or
 * in the card, does not pass.
 */
export interface CardSources {
  readonly schema: 1;
  /** Cells of tables. A section is named by its heading; tables, rows and columns are counted from 0, without the heading row. */
  readonly cells: readonly (SourcedValue & {
    readonly section: string;
    readonly table: number;
    readonly row: number;
    readonly column: number;
  })[];
  /** Sentences that have to stand in their section as they are, with the values between their words. */
  readonly sentences: readonly { readonly section: string; readonly words: readonly string[]; readonly values: readonly SourcedValue[] }[];
  /** Values of the front matter, by their pointer in it. */
  readonly frontMatter: readonly (SourcedValue & { readonly pointer: string })[];
}

/** A source in one text. */
export function sourceText({ file, pointer }: ValueSource): string {
  return `${file}#${encodeURI(pointer)}`;
}

/** The source that a text of {@link sourceText} names. */
export function parseSource(text: string): ValueSource {
  const at = text.indexOf('#');
  return { file: at < 0 ? text : text.slice(0, at), pointer: at < 0 ? '' : decodeURI(text.slice(at + 1)) };
}
