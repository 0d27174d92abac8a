import type { Cell } from './cell.js';

/** A sentence whose numbers are traced. */
export interface Sentence {
  /** Its words, and the cells between them: one more word than cells. */
  readonly words: readonly string[];
  readonly cells: readonly Cell[];
}

/** A sentence with cells in it; other values become words. */
export function sentence(strings: TemplateStringsArray, ...values: readonly (Cell | string)[]): Sentence {
  const texts: string[] = [strings[0] ?? ''];
  const cells: Cell[] = [];
  values.forEach((value, index) => {
    const after = strings[index + 1] ?? '';
    if (typeof value === 'string') texts[texts.length - 1] += `${value}${after}`;
    else {
      cells.push(value);
      texts.push(after);
    }
  });
  return { words: texts, cells };
}

/** Two sentences, one behind the other. */
export function joined(one: Sentence, other: Sentence): Sentence {
  const words = [...one.words.slice(0, -1), `${one.words.at(-1) ?? ''} ${other.words[0] ?? ''}`, ...other.words.slice(1)];
  return { words, cells: [...one.cells, ...other.cells] };
}

/** The sentence as text; `show` says how a cell looks. */
export function textOf({ words, cells }: Sentence, show: (cell: Cell) => string = ({ text }) => text): string {
  return words.map((word, index) => `${word}${cells[index] === undefined ? '' : show(cells[index])}`).join('');
}
