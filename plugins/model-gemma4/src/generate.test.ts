import type { GenerateInput, GenerateStep, RandomStream } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gemma4Model } from './gemma4-model.js';
import { chooseToken } from './sample.js';
import { floats, maxDifference, readGolden, type GoldenTensor } from './testing/golden.js';
import { goldenIds, logitsOf, tinyModel } from './testing/tiny-model.js';

const golden = readGolden<{ prompt: number[]; tokens: number[]; step_logits: GoldenTensor }>('decode.json');
const prompt = Int32Array.from(golden.prompt);
const vocabulary = 97;
let model: Gemma4Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel();
});
afterAll(() => model.dispose());

async function run(input: Partial<GenerateInput>): Promise<GenerateStep[]> {
  const steps: GenerateStep[] = [];
  for await (const step of model.generate({ prompts: [prompt], maxNewTokens: 24, stopIds: [], ...input })) steps.push(step);
  return steps;
}

/** A stream that repeats one value. */
function constant(value: number): RandomStream {
  const state = { algorithm: 'constant', words: [] };
  return { uniform: () => value, integer: () => 0, normal: () => 0, shuffle: (items) => [...items], state: () => state, restore: () => {} };
}

describe('cached greedy decoding', () => {
  it('gives the tokens and logits of transformers, past the window, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const steps = await run({ logits: true });
    expect(steps.map(({ ids }) => ids[0])).toEqual(golden.tokens);
    const expected = floats(golden.step_logits);
    steps.forEach(({ logits }, index) => {
      const row = expected.subarray(index * vocabulary, (index + 1) * vocabulary);
      expect(maxDifference(logits ?? [], row), `step ${index}`).toBeLessThan(5e-4);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('equals the full pass in a batch of prompts of different length, with injected vectors', async () => {
    const short = Int32Array.of(2, 44, 9, 71);
    const vector = Float32Array.from({ length: 64 }, (_, index) => Math.sin(index));
    const overrides = [
      { row: 1, position: 2, vector },
      { row: 0, position: 5, vector },
    ];
    const prompts = [prompt, short];
    const steps = await run({ prompts, overrides, perLayerIds: 'pad', maxNewTokens: 12, logits: true });
    for (const [row, start] of prompts.entries()) {
      const tokens = Int32Array.of(...start, ...steps.slice(0, -1).map(({ ids }) => ids[row] ?? -1));
      const full = logitsOf(model, {
        tokens,
        batch: 1,
        length: tokens.length,
        perLayerIds: 'pad',
        overrides: overrides.filter((override) => override.row === row).map((override) => ({ ...override, row: 0 })),
      });
      steps.forEach(({ logits }, index) => {
        const at = start.length - 1 + index;
        const cached = logits?.subarray(row * vocabulary, (row + 1) * vocabulary) ?? [];
        expect(maxDifference(cached, full.subarray(at * vocabulary, (at + 1) * vocabulary)), `row ${row} step ${index}`).toBeLessThan(1e-3);
      });
    }
  });

  it('ends rows at stop tokens, keeps them from coming too early and obeys forbidden ids', async () => {
    const stop = golden.tokens[4] ?? 0;
    const stopped = await run({ stopIds: [stop] });
    expect(stopped.map(({ ids }) => ids[0])).toEqual(golden.tokens.slice(0, 5));
    const late = await run({ stopIds: [stop], minNewTokens: 8 });
    expect(late.slice(0, 8).every(({ ids }) => ids[0] !== stop)).toBe(true);
    const without = await run({ forbiddenIds: [golden.tokens[0] ?? 0], maxNewTokens: 5 });
    expect(without.every(({ ids }) => ids[0] !== golden.tokens[0])).toBe(true);
    const two = await run({ prompts: [prompt, prompt.slice(0, 9)], stopIds: [stop], maxNewTokens: 6 });
    expect(two[5]?.ids[0] ?? -1).toBe(-1);
  });

  it('stops on an abort signal and frees its cache when it is left early', async () => {
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    await expect(async () => {
      for await (const step of model.generate({ prompts: [prompt], maxNewTokens: 5, stopIds: [], signal: controller.signal })) {
        if (step.index === 1) controller.abort();
      }
    }).rejects.toThrow(/abort/i);
    for await (const step of model.generate({ prompts: [prompt], maxNewTokens: 5, stopIds: [] })) if (step.index === 2) break;
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('sampling', () => {
  it('is greedy at topK 1 and needs a random stream otherwise', async () => {
    const steps = await run({ temperature: 1, topK: 1, maxNewTokens: 4 });
    expect(steps.map(({ ids }) => ids[0])).toEqual(golden.tokens.slice(0, 4));
    await expect(run({ temperature: 1 })).rejects.toThrow(expect.objectContaining({ code: 'E_GENERATE_RANDOM' }));
  });

  it('draws from the top of the distribution: low numbers the most likely id, high ones the least likely of topK', async () => {
    const first = floats(golden.step_logits).subarray(0, vocabulary);
    const ranked = Array.from(first, (_, id) => id).sort((a, b) => (first[b] ?? 0) - (first[a] ?? 0));
    const pick = async (value: number) => (await run({ temperature: 0.7, topK: 3, maxNewTokens: 1, random: constant(value) }))[0]?.ids[0];
    expect(await pick(0)).toBe(ranked[0]);
    expect(await pick(0.999999)).toBe(ranked[2]);
  });
});

it('refuses empty prompts', async () => {
  await expect(run({ prompts: [] })).rejects.toThrow(expect.objectContaining({ code: 'E_GENERATE_PROMPT' }));
  await expect(run({ prompts: [goldenIds, new Int32Array()] })).rejects.toThrow(expect.objectContaining({ code: 'E_GENERATE_PROMPT' }));
});

describe('logits that are not finite', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('are an error and no token: %d', (value) => {
    expect(() => chooseToken(new Float32Array(4).fill(value), new Set([0]), {})).toThrow(
      expect.objectContaining({ code: 'E_GENERATE_VALUE' }),
    );
  });

  it('may stand at forbidden ids', () => {
    expect(chooseToken(Float32Array.of(Number.NaN, 1, 2), new Set([0]), {})).toBe(2);
  });
});
