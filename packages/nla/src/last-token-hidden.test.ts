import '@tensorflow/tfjs-backend-cpu';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { lastTokenHidden } from './last-token-hidden.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('lastTokenHidden', () => {
  it('reads each prompt at its own end, and leaves no tensor but its result', async () => {
    const model = fakeModel();
    const prompts = [Int32Array.of(2, 9, 10, 11), Int32Array.of(2, 12)];
    const before = tf.memory().numTensors;
    const together = lastTokenHidden(model, prompts, 1);
    expect(tf.memory().numTensors).toBe(before + 1);
    const rows = await together.array();
    for (const [row, prompt] of prompts.entries()) {
      const alone = lastTokenHidden(model, [prompt], 1);
      (await alone.data()).forEach((value, at) => expect(value).toBeCloseTo(rows[row]?.[at] ?? Number.NaN, 5));
      alone.dispose();
    }
    together.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
