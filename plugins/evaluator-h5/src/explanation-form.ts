import { NlaError } from '@nlakit/core';

/** The fields of one structured explanation, by name. */
export type ExplanationFields = Readonly<Record<string, string>>;

/** Takes explanations of one form apart and puts them together again. */
export interface ExplanationForm {
  /** Names of the fields, in the order of the text. */
  readonly names: readonly string[];
  /** The fields of `text`; undefined for a text of another form. */
  parse(text: string): ExplanationFields | undefined;
  /** The text with these fields; a field that is missing is left empty. */
  write(fields: ExplanationFields): string;
}

/** The form of rule-written explanations about WordNet definitions. */
export const DEFAULT_FORM = 'topic: {topic}. a kind of {hypernym}. last: {last}. next: {next}.';

const placeholder = /\{([A-Za-z_]\w*)\}/g;

/**
 * A form from its template, such as {@link DEFAULT_FORM}: fixed text with a `{name}` for each field. A field may hold the punctuation that
 * the template has between fields; it ends where the next piece of fixed text begins. Throws `E_EXPLANATION_FORM` for a template without
 * fields, with one field twice, or with two fields that nothing separates.
 */
export function explanationForm(template: string): ExplanationForm {
  const fixed = template.split(placeholder).filter((_, index) => index % 2 === 0);
  const names = [...template.matchAll(placeholder)].flatMap(([, name]) => (name === undefined ? [] : [name]));
  if (names.length === 0 || new Set(names).size < names.length || fixed.slice(1, -1).includes('')) {
    throw new NlaError('E_EXPLANATION_FORM', {
      message: 'The form of explanations cannot be read.',
      found: JSON.stringify(template),
      expected: 'fixed text with one {name} for each field, and text between any two of them',
      kind: 'input',
    });
  }
  const pattern = new RegExp(`^${fixed.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('(.*?)')}$`, 's');
  return {
    names,
    parse(text) {
      const match = pattern.exec(text);
      return match === null ? undefined : Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? '']));
    },
    write: (fields) => template.replace(placeholder, (_, name: string) => fields[name] ?? ''),
  };
}
