import '@tensorflow/tfjs-backend-cpu';
import { finalState, type Logger, type Model, type NamedTensors, type NlaRow, type Segment } from '@nlakit/core';
import { mean } from '@nlakit/metrics';
import type { Explanation } from '@nlakit/nla';
import { tf } from '@nlakit/ops';
import { recheck } from '@nlakit/recheck';
import { createSeedStreams } from '@nlakit/run';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  findPatchPoint,
  HEADLINE_COLUMNS,
  headlineOf,
  measurePatching,
  optionsSchema,
  patchedPass,
  plugin,
  summarizePatching,
} from './index.js';
import { storedRow } from './measure-patching.js';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };
const dModel = 6;
const vocabulary = 20;
const layers = 3;
const hook = 'blocks.1.hook_out';
const random = createSeedStreams(4).stream('weights');
const table = Array.from({ length: vocabulary }, () => Float64Array.from({ length: dModel }, () => random.normal()));
const weights = Array.from({ length: layers }, () => Float64Array.from({ length: dModel }, () => random.normal()));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** `x + 0.5 tanh(w (x + sum of all before))`: every position reads those before it. */
function step(layer: number, stream: readonly Float64Array<ArrayBuffer>[]): Float64Array<ArrayBuffer>[] {
  const sum = new Float64Array(dModel);
  return stream.map((x) => {
    x.forEach((value, at) => (sum[at] = (sum[at] ?? 0) + value));
    return x.map((value, at) => value + 0.5 * Math.tanh((weights[layer]?.[at] ?? 0) * (sum[at] ?? 0)));
  });
}

/** Next-token probabilities in f64, with the stream behind block 1 replaced at the last token if a vector is given. */
function reference(tokens: Int32Array, vector?: ArrayLike<number>): { probabilities: number[]; activation: Float64Array } {
  let stream = Array.from(tokens, (token) => table[token] ?? new Float64Array(dModel));
  for (let layer = 0; layer < 2; layer += 1) stream = step(layer, stream);
  const activation = stream.at(-1) ?? new Float64Array();
  if (vector !== undefined) stream[stream.length - 1] = Float64Array.from(vector);
  const last = step(2, stream).at(-1) ?? new Float64Array();
  const logits = table.map((row) => row.reduce((total, value, at) => total + value * (last[at] ?? 0), 0));
  const size = Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0));
  return { probabilities: logits.map((logit) => Math.exp(logit - size)), activation };
}
function divergence(tokens: Int32Array, vector: ArrayLike<number>): number {
  const [p, q] = [reference(tokens).probabilities, reference(tokens, vector).probabilities];
  return p.reduce((total, value, token) => total + value * Math.log(value / (q[token] ?? NaN)), 0);
}

/** The same in tensors. The residual stream is called `stream`; `hidden` keeps it from the state, as a model might. */
function toyModel({ hidden = false } = {}): Model {
  const flatten = (rows: readonly Float64Array[]) => rows.flatMap((row) => Array.from(row));
  const segments: Model['segments'] = ({ tokens, batch, length, capture = [] }) => {
    const block = (layer: number): Segment => ({
      name: `blocks.${layer}`,
      run: (before) =>
        tf.tidy(() => {
          const x = tf.reshape(before['stream'] as tf.Tensor, [batch, length, dModel]);
          const sums = tf.cumsum(x, 1);
          const after = tf.add(x, tf.mul(0.5, tf.tanh(tf.mul(sums, tf.tensor1d(Float32Array.from(weights[layer] ?? []))))));
          const state: Record<string, tf.Tensor> = {
            stream: tf.reshape(hidden ? tf.mul(after, 1.5) : after, [batch * length, dModel]),
            other: tf.zeros([3]),
          };
          const name = `blocks.${layer}.hook_out`;
          if (capture.includes(name)) state[name] = after;
          for (const [key, value] of Object.entries(before)) if (key.startsWith('blocks.')) state[key] = value;
          return state;
        }),
    });
    return [
      {
        name: 'embedding',
        run: () => ({
          stream: tf.tidy(() => tf.gather(tf.tensor2d(flatten(table), [vocabulary, dModel]), tf.tensor1d(Array.from(tokens), 'int32'))),
        }),
      },
      ...Array.from({ length: layers }, (_, layer) => block(layer)),
      {
        name: 'final',
        run: (state: NamedTensors) => ({ [finalState]: tf.reshape(state['stream'] as tf.Tensor, [batch, length, dModel]) }),
      },
    ];
  };
  const unused = (): never => {
    throw new Error('not called');
  };
  const wordsOf = (text: string) => text.split(' ').map(Number);
  return {
    spec: { dModel, layers, vocabularySize: vocabulary } as Model['spec'],
    tokenizer: { padId: 0, encode: (text: string) => Int32Array.of(1, ...wordsOf(text)) } as unknown as Model['tokenizer'],
    head: {
      logits: (hidden) => tf.matMul(hidden, tf.tensor2d(flatten(table), [vocabulary, dModel]), false, true),
      crossEntropy: unused,
    },
    adapt: () => undefined,
    forward: unused,
    segments,
    generate: unused,
    embed: unused,
    dispose: () => undefined,
  };
}

const point = { hook, segment: 2, entries: ['stream'] };
const prompts = [Int32Array.of(1, 5, 7), Int32Array.of(1, 3), Int32Array.of(1, 9, 2, 4)];

describe('the patch point', () => {
  it('is found by value, whatever the entry is called', async () => {
    const before = tf.memory().numTensors;
    expect(await findPatchPoint(toyModel(), hook, prompts[0] ?? new Int32Array())).toEqual(point);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused where the model keeps the stream to itself', async () => {
    const before = tf.memory().numTensors;
    await expect(findPatchPoint(toyModel({ hidden: true }), hook, Int32Array.of(1, 2))).rejects.toMatchObject({ code: 'E_PATCH_POINT' });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a patched pass', () => {
  it('gives the divergences of an independent f64 computation, in padded batches', async () => {
    const sets = [0, 1].map(() => prompts.map(() => Float32Array.from({ length: dModel }, () => random.normal())));
    const before = tf.memory().numTensors;
    const found = await patchedPass(toyModel(), point, prompts, sets);
    expect(tf.memory().numTensors).toBe(before);
    sets.forEach((set, index) =>
      set.forEach((vector, row) => {
        const tokens = prompts[row] ?? new Int32Array();
        expect(found.divergences[index]?.[row]).toBeCloseTo(divergence(tokens, vector), 5);
        const likeliest = (values: readonly number[]) => values.indexOf(Math.max(...values));
        const same = likeliest(reference(tokens).probabilities) === likeliest(reference(tokens, vector).probabilities);
        expect(found.sameToken[index]?.[row]).toBe(same);
        // At another row's place the same vector shows otherwise.
        expect(Math.abs((found.divergences[index]?.[(row + 1) % 3] ?? NaN) - divergence(tokens, vector))).toBeGreaterThan(1e-4);
      }),
    );
    prompts.forEach((tokens, row) => {
      reference(tokens).activation.forEach((value, at) => expect(found.activations[row]?.[at]).toBeCloseTo(value, 5));
    });
  });

  it('changes nothing at all if what was there is put back', async () => {
    const { activations } = await patchedPass(toyModel(), point, prompts, [prompts.map(() => new Float32Array(dModel))]);
    const again = await patchedPass(toyModel(), point, prompts, [activations]);
    expect(again.divergences).toEqual([[0, 0, 0]]);
    expect(again.sameToken).toEqual([[true, true, true]]);
  });
});

const rows: NlaRow[] = Array.from({ length: 40 }, (_, index) => {
  const ids = [2 + (index % 17), 2 + ((index * 7) % 17), 2 + ((index * 5 + 3) % 17)].slice(index % 2);
  return {
    id: `r${index}`,
    documentId: `d${index}`,
    vector: Float32Array.from(reference(Int32Array.of(1, ...ids)).activation),
    text: ids.join(' '),
    explanation: `row ${index}`,
    rawTokens: ids.length + 1,
  };
});
const meanUnit = Float64Array.from({ length: dModel }, (_, at) => mean(rows.map(({ vector }) => vector[at] ?? NaN)));
const options = optionsSchema.parse({ bootstrap: 200, permutations: 400, patchBatch: 7 });
const known = new Map(rows.map((row, index) => [`row ${index}`, row.vector]));
/** Right direction, other length: only directions are trained. */
const read = (text: string) => (known.get(text) ?? Float32Array.from(meanUnit)).map((value) => 3 * value);

async function run(
  say: (index: number) => string = (index) => `row ${index}`,
  reads: (text: string) => Float32Array = read,
  measured: readonly NlaRow[] = rows,
) {
  const seeds = createSeedStreams(0);
  const measurement = await measurePatching({
    model: toyModel(),
    layer: 1,
    rows: measured,
    meanUnit,
    verbalizer: {
      explain: (vectors) =>
        Promise.resolve(
          vectors.map((vector): Explanation => {
            const explanation = say(measured.findIndex((row) => row.vector === vector));
            return { text: explanation, explanation, tokens: new Int32Array(2), stopped: true };
          }),
        ),
    },
    reconstructor: { reconstruct: (texts) => Promise.resolve(texts.map(reads)) },
    options,
    context: { seeds, signal: new AbortController().signal, log: silent },
  });
  const summary = summarizePatching(measurement, options, seeds);
  return { measurement, summary, headline: headlineOf(summary), stored: measurement.rows.map(storedRow) };
}

describe('explanations from which the vector can be read', () => {
  it('cost nothing when put back at the activation’s length; everything else costs', async () => {
    const { summary, headline } = await run();
    for (const name of ['ORIGINAL', 'AV_OUT', 'GOLD']) {
      expect(summary.patched[name]?.divergence.value).toBeCloseTo(0, 6);
      expect(summary.patched[name]?.sameToken.value).toBe(1);
      expect(summary.patched[name]?.recovered?.value).toBeCloseTo(1, 4);
    }
    for (const name of ['SHUFFLED', 'MEAN', 'RANDOM', 'ZERO']) {
      expect(summary.saved[name]?.low).toBeGreaterThan(0.01);
      expect(summary.saved[name]?.p).toBeLessThan(0.01);
    }
    expect(summary.patched['MEAN']?.recovered?.value).toBeCloseTo(0, 12);
    const named = new Set(HEADLINE_COLUMNS.flatMap(({ figure, interval = [] }) => [figure, ...interval]));
    expect([...named].filter((figure) => headline[figure] === undefined)).toEqual([]);
    expect(headline).toMatchObject({ n: 40, saved: summary.saved['SHUFFLED']?.value });
    expect(summary.cosine.value).toBeCloseTo(1, 6);
  });

  it('gives a summary whose numbers come out of the stored rows again', async () => {
    const { summary, stored } = await run((index) => `row ${index - (index % 3)}`);
    const { seedName, bootstrap, permutations } = options;
    const provenance = { seed: 0, seedName, statistics: { bootstrap, permutations } };
    const evaluation = JSON.parse(JSON.stringify({ evaluator: '@nlakit/evaluator-patching', rows: stored, summary, provenance })) as {
      readonly rows: readonly { readonly cosine: number }[];
    };
    const found = recheck(evaluation);
    expect(found).toMatchObject({ kind: 'patching', differences: [] });
    expect(found?.checked).toBeGreaterThan(60);
    expect(found?.notComputed.filter((path) => !/^leftOut\./.test(path))).toEqual([]);
    const [first, ...others] = evaluation.rows;
    const changed = recheck({ ...evaluation, rows: [{ ...first, cosine: (first?.cosine ?? 0) + 1e-6 }, ...others] });
    expect(changed?.differences.map(({ path }) => path)).toContain('cosine.value');
  });

  it('can be recomputed from the stored rows, and each row from its text', async () => {
    const { summary, stored } = await run((index) => `row ${index - (index % 3)}`);
    const again = JSON.parse(JSON.stringify(stored)) as {
      text: string;
      explanation: string;
      shuffledFrom: string;
      id: string;
      divergence: Record<string, number>;
      sameToken: Record<string, boolean>;
    }[];
    for (const [name, { divergence: found, sameToken, recovered }] of Object.entries(summary.patched)) {
      const values = again.map((row) => row.divergence[name] ?? NaN);
      expect(found.value).toBeCloseTo(mean(values), 12);
      expect(sameToken.value).toBeCloseTo(mean(again.map((row) => (row.sameToken[name] ? 1 : 0))), 12);
      expect(recovered?.value).toBeCloseTo(1 - mean(values) / mean(again.map((row) => row.divergence['MEAN'] ?? NaN)), 12);
    }
    for (const [name, { value }] of Object.entries(summary.saved)) {
      expect(value).toBeCloseTo(mean(again.map((row) => (row.divergence[name] ?? NaN) - (row.divergence['AV_OUT'] ?? NaN))), 12);
    }
    const scaledTo = (direction: ArrayLike<number>, target: ArrayLike<number>) => {
      const factor = Math.hypot(...Array.from(target)) / Math.hypot(...Array.from(direction));
      return Array.from(direction, (value) => value * factor);
    };
    for (const row of again) {
      const tokens = Int32Array.of(1, ...row.text.split(' ').map(Number));
      const own = reference(tokens).activation;
      const other = again.find(({ id }) => id === row.shuffledFrom);
      expect(other?.id).not.toBe(row.id);
      expect(row.divergence['AV_OUT']).toBeCloseTo(divergence(tokens, scaledTo(read(row.explanation), own)), 4);
      expect(row.divergence['SHUFFLED']).toBeCloseTo(divergence(tokens, scaledTo(read(other?.explanation ?? ''), own)), 4);
      expect(row.divergence['MEAN']).toBeCloseTo(divergence(tokens, scaledTo(meanUnit, own)), 4);
      expect(row.divergence['ZERO']).toBeCloseTo(divergence(tokens, new Float64Array(dModel)), 4);
    }
  });

  it('gives the same figures again', async () => {
    const [first, second] = [await run(), await run()];
    expect(JSON.stringify([second.summary, second.stored])).toBe(JSON.stringify([first.summary, first.stored]));
  });
});

describe('what must not look like success', () => {
  it('an AV that says the same of every row keeps no more than another row’s explanation does', async () => {
    const { summary } = await run(() => 'row 3');
    expect(summary.saved['SHUFFLED']).toMatchObject({ value: 0, p: 1 });
  });

  it('an AR that always gives the mean keeps no more than the mean', async () => {
    const { summary } = await run(undefined, () => Float32Array.from(meanUnit));
    expect(summary.saved['MEAN']?.value).toBeCloseTo(0, 6);
    expect(summary.patched['AV_OUT']?.recovered?.value).toBeCloseTo(0, 5);
  });
});

it('leaves out rows that the model does not lead to their vector, and says how many', async () => {
  const changed = rows.map((row, index): NlaRow => {
    if (index === 0) {
      const { text: _, ...bare } = row;
      return bare;
    }
    if (index === 1) return { ...row, rawTokens: 9 };
    return index === 2 ? { ...row, vector: row.vector.map((value) => -value) } : row;
  });
  const { measurement } = await run(undefined, undefined, changed);
  expect(measurement.leftOut).toEqual({ noText: 1, otherTokens: 1, otherActivation: 1 });
  expect(measurement.rows).toHaveLength(37);
  const bare = rows.map(({ text: _, ...row }) => row);
  await expect(run(undefined, undefined, bare)).rejects.toMatchObject({ code: 'E_PATCH_ROWS' });
});

it('does without labels', async () => {
  const { summary } = await run(
    undefined,
    undefined,
    rows.map(({ explanation: _, ...row }) => row),
  );
  expect(summary.patched['GOLD']).toBeUndefined();
  expect(Object.keys(summary.saved)).toEqual(['SHUFFLED', 'MEAN', 'RANDOM', 'ZERO']);
});

it('is a plugin of kind evaluator with strict options', () => {
  expect(plugin).toMatchObject({ kind: 'evaluator', name: '@nlakit/evaluator-patching' });
  expect(optionsSchema.parse({ at: [50] })).toMatchObject({ rows: 200, patchBatch: 16 });
  expect(optionsSchema.safeParse({ row: 1 }).success).toBe(false);
});
