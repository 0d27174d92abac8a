import { NlaError, type GenerateInput } from '@nlakit/core';

/** How the next token is chosen. */
export type SampleOptions = Pick<GenerateInput, 'temperature' | 'topK' | 'random'>;

/**
 * The next token of one row. Greedy without temperature (the lowest id among equals), else a draw from
 * `softmax(logits / temperature)`, cut down to the `topK` most likely.
 *
 * @param logits `[vocabulary]`; not changed
 * @param forbidden ids that may not be chosen
 *
 * Throws `E_GENERATE_RANDOM` if a draw is asked for without random stream, `E_GENERATE_FORBIDDEN` if every id is forbidden, and
 * `E_GENERATE_VALUE` if the logits are not finite: nothing compares with NaN, so the first id would be chosen for ever.
 */
export function chooseToken(logits: Float32Array, forbidden: ReadonlySet<number>, options: SampleOptions): number {
  const { temperature = 0, topK = 0, random } = options;
  const some = forbidden.size > 0;
  let best = -1;
  let high = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? 0;
    // The number first: nearly every id ends there, and asking the set takes longer than all the rest.
    if ((best >= 0 && !(logit > high)) || (some && forbidden.has(id))) continue;
    best = id;
    high = logit;
  }
  if (best < 0) {
    throw new NlaError('E_GENERATE_FORBIDDEN', { message: 'Every token of the vocabulary is forbidden.', found: `${forbidden.size} ids` });
  }
  if (!Number.isFinite(logits[best])) {
    throw new NlaError('E_GENERATE_VALUE', {
      message: 'The next token cannot be chosen: the logits are not finite.',
      found: `${logits[best]} at id ${best}`,
      expected: 'finite numbers',
      fix: 'The adapter, the injected vector or the model holds values that overflow; use an earlier checkpoint.',
    });
  }
  if (temperature <= 0 || topK === 1) return best;
  if (random === undefined) {
    throw new NlaError('E_GENERATE_RANDOM', {
      message: 'Sampling needs a random stream.',
      found: `temperature ${temperature} without random`,
      fix: 'Pass `random`, or leave the temperature out for greedy decoding.',
    });
  }
  let ids = Array.from(logits, (_, id) => id).filter((id) => !forbidden.has(id));
  if (topK > 0 && topK < ids.length) {
    // Equal logits keep the lower id, so that the choice does not depend on the sorting algorithm.
    ids = ids.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b).slice(0, topK);
  }
  const highest = logits[best] ?? 0;
  const weights = ids.map((id) => Math.exp(((logits[id] ?? 0) - highest) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return ids[index] ?? best;
  }
  return best;
}
