import type { Trainer, TrainContext, TrainEvent } from '@nlakit/core';
import { expect, it } from 'vitest';
import { withPerplexity } from './with-perplexity.js';

it('adds e to the loss to every step and leaves other events alone', async () => {
  const figures = { loss: Math.log(5), learningRate: 0.1, gradientNorm: 1, tokens: 10, seconds: 0.1 };
  const events: TrainEvent[] = [
    { type: 'step', step: 1, steps: 1, figures },
    { type: 'done', step: 1, figures: {} },
  ];
  const trainer: Trainer = {
    role: 'av',
    steps: 1,
    plan: () => ({ parts: [], peakBytes: 0 }),
    train: async function* () {
      yield* events;
    },
  };
  const seen: TrainEvent[] = [];
  for await (const event of withPerplexity(trainer).train({} as TrainContext)) seen.push(event);
  expect(seen).toEqual([{ ...events[0], figures: { ...figures, perplexity: expect.closeTo(5, 9) as number } }, events[1]]);
});
