import { describe, expect, it } from 'vitest';
import { trigramLoss } from '../recipe/held-out-loss.js';
import { packStream, packWhole, rowsIn } from '../recipe/pack.js';
import { trainTrigram } from '../recipe/trigram.js';

describe('trainTrigram', () => {
  // Two documents: <bos> 5 6 <eos> and <bos> 5 7 <eos>. Six tokens are predicted: 5 6 1 5 7 1; four kinds.
  const model = trainTrigram(
    packStream([
      [5, 6],
      [5, 7],
    ]),
    10,
  );

  it('mixes the three orders as Witten and Bell do', () => {
    const one = (1 + 4 / 10) / (6 + 4);
    const two = (1 + 2 * one) / (2 + 2);
    const three = (1 + 2 * two) / (2 + 2);
    expect(model.logProbability(2, 5, 6)).toBeCloseTo(Math.log(three), 12);
    // An unseen history leaves the shorter ones: after (6, 5) only what follows 5 is known.
    expect(model.logProbability(6, 5, 6)).toBeCloseTo(Math.log(two), 12);
  });

  it('gives probabilities that add up to one after any history', () => {
    for (const [first, second] of [
      [2, 2],
      [2, 5],
      [5, 6],
      [9, 9],
    ] as const) {
      let sum = 0;
      for (let next = 0; next < 10; next += 1) sum += Math.exp(model.logProbability(first, second, next));
      expect(sum).toBeCloseTo(1, 12);
    }
  });

  it('is measured without the first tokens of documents and without padding', () => {
    const measured = trigramLoss(
      model,
      packWhole(
        [
          [5, 6],
          [5, 7],
        ],
        11,
      ),
    );
    expect(measured.tokens).toBe(6);
    const expected = -[
      model.logProbability(2, 2, 5),
      model.logProbability(2, 5, 6),
      model.logProbability(5, 6, 1),
      model.logProbability(2, 2, 5),
      model.logProbability(2, 5, 7),
      model.logProbability(5, 7, 1),
    ].reduce((sum, value) => sum + value, 0);
    expect(measured.loss).toBeCloseTo(expected / 6, 12);
  });
});

describe('packing', () => {
  it('starts a new row rather than break a document, and cuts what is longer than a row', () => {
    const packed = packWhole([[5, 6], [7], [8, 8, 8, 8, 8, 8, 8]], 7);
    expect([...packed.tokens]).toEqual([2, 5, 6, 1, 2, 7, 1, 2, 8, 8, 8, 8, 8, 8]);
    expect(packWhole([[5, 6, 7], [7]], 7).rows).toBe(2);
  });

  it('leaves every training row one token more for its last target', () => {
    expect(rowsIn(new Uint16Array(225), 112)).toBe(2);
    expect(rowsIn(new Uint16Array(224), 112)).toBe(1);
  });
});
