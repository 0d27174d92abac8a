import { NlaError } from '@nlakit/core';
import type { PromptTemplates, TokenContract, Tokenizer } from '@nlakit/core';
import { arPromptIds, avPromptIds } from '../prompts.js';
import { scanMarkers, type Marker } from './find-marker.js';

/** Explanations that end differently: what all AR prompts end with does not depend on them. */
const plainSamples = ['a short text.', 'word', 'topic: body; next: that', '“quoted” text\n\n2. second (last)'];

/** How tokens are measured. */
export interface MeasureOptions {
  /** The character to measure, in place of the first that will do. */
  readonly marker?: string;
  /** Explanations like those of the data, where their form is known; the suffix is what their AR prompts have in common, too. */
  readonly samples?: readonly string[];
}

/** Where a marker stands in the prompt that is really used. */
interface Slot {
  readonly left: number;
  readonly right: number;
}

/**
 * The token contract of templates with a tokenizer, measured in the real prompts. Of U+3200..U+33FF (or of `options.marker` alone) the first
 * single-token character is taken that also is one token in the AV prompt, stands there once and has a neighbour on both sides; the
 * neighbours are those of that prompt, and the suffix is what all AR prompts end with. `E_MARKER_NONE` if no character will do.
 */
export function measureTokens(templates: PromptTemplates, tokenizer: Tokenizer, options: MeasureOptions = {}): TokenContract {
  const { marker, samples } = options;
  for (const candidate of marker === undefined ? scanMarkers(tokenizer) : namedMarker(marker, tokenizer)) {
    const slot = slotOf(candidate, templates, tokenizer);
    if (slot === undefined) continue;
    return {
      injectionChar: candidate.char,
      injectionTokenId: candidate.id,
      leftNeighborId: slot.left,
      rightNeighborId: slot.right,
      criticSuffixIds: measureSuffix(templates, tokenizer, samples),
    };
  }
  throw new NlaError('E_MARKER_NONE', {
    message: `${marker === undefined ? 'No character of U+3200..U+33FF' : JSON.stringify(marker)} can stand in this prompt as a token of its own.`,
    expected: 'one token, once in the AV prompt, with a token on either side',
    fix: 'Put text around {injection_char} in the AV template (tags, glued to it), or name another marker.',
    kind: 'input',
  });
}

/** The ids that AR prompts end with whatever their explanation ends with; null if there are none. */
export function measureSuffix(templates: PromptTemplates, tokenizer: Tokenizer, samples: readonly string[] = []): readonly number[] | null {
  const prompts = [...plainSamples, ...samples].map((sample) => Array.from(arPromptIds({ templates }, tokenizer, sample)));
  const [first = [], ...others] = prompts;
  let length = 0;
  while (length < first.length && others.every((other) => other.at(-1 - length) === first.at(-1 - length))) length += 1;
  return length === 0 ? null : first.slice(first.length - length);
}

function slotOf({ char, id }: Marker, templates: PromptTemplates, tokenizer: Tokenizer): Slot | undefined {
  const tokens = { injectionChar: char, injectionTokenId: id, leftNeighborId: -1, rightNeighborId: -1, criticSuffixIds: null };
  const ids = avPromptIds({ templates, tokens }, tokenizer);
  const position = ids.indexOf(id);
  const [left, right] = [ids[position - 1], ids[position + 1]];
  return position > 0 && position === ids.lastIndexOf(id) && left !== undefined && right !== undefined ? { left, right } : undefined;
}

function namedMarker(char: string, tokenizer: Tokenizer): Marker[] {
  const ids = tokenizer.encode(char, { special: false });
  const id = ids[0];
  return ids.length === 1 && id !== undefined && id !== tokenizer.unkId ? [{ char, id }] : [];
}
