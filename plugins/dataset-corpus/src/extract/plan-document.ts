import type { SeedStreams, Tokenizer } from '@nlakit/core';
import { withRandomFor } from '@nlakit/dataset';
import type { CorpusDocument } from '../documents/index.js';
import type { CorpusDatasetOptions } from '../options.js';

/** A document as it will be read. */
export interface PlannedDocument {
  readonly id: string;
  readonly family: string;
  readonly meta?: Readonly<Record<string, string>>;
  /** Token ids, special ones included, up to the last position that is read. */
  readonly tokens: Int32Array;
  /** Ascending; empty for a document that is too short. */
  readonly positions: readonly number[];
  /** Whether the text is longer than `maxLength` tokens. */
  readonly truncated: boolean;
}

/** What decides on positions. */
export type PositionOptions = Pick<CorpusDatasetOptions, 'maxLength' | 'minPosition' | 'positionsPerDocument'>;

/**
 * Makes plans: the text with special tokens, cut on the right, and `positionsPerDocument` positions drawn without replacement from those
 * not before `minPosition` that hold no special token, with a stream that depends on seed and document id only.
 */
export function documentPlanner(
  tokenizer: Tokenizer,
  seeds: SeedStreams,
  options: PositionOptions,
): (document: CorpusDocument) => PlannedDocument {
  const special = specialTokenTest(tokenizer);
  return ({ id, text, family, meta }) => {
    const all = tokenizer.encode(text, { special: true });
    const tokens = all.subarray(0, options.maxLength);
    const candidates: number[] = [];
    for (let position = options.minPosition; position < tokens.length; position += 1) {
      if (!special(tokens[position] ?? -1)) candidates.push(position);
    }
    const drawn = withRandomFor(seeds, id, (random) => random.shuffle(candidates).slice(0, options.positionsPerDocument));
    const positions = drawn.sort((one, other) => one - other);
    return {
      id,
      family,
      ...(meta === undefined ? {} : { meta }),
      tokens: tokens.slice(0, (positions.at(-1) ?? -1) + 1),
      positions,
      truncated: all.length > tokens.length,
    };
  };
}

/** Special tokens are those that `skipSpecial` leaves out, and the ones that the tokenizer names. */
function specialTokenTest(tokenizer: Tokenizer): (id: number) => boolean {
  const known = new Map<number, boolean>();
  for (const id of [tokenizer.bosId, tokenizer.eosId, tokenizer.padId]) known.set(id, true);
  return (id) => {
    let special = known.get(id);
    if (special === undefined) {
      special = tokenizer.decode([id], { skipSpecial: true }) === '' && tokenizer.decode([id]) !== '';
      known.set(id, special);
    }
    return special;
  };
}
