import type { Dataset, EvaluateContext, Injector, NlaContract, NlaRow, SplitName } from '@nlakit/core';
import { recheck } from '@nlakit/recheck';
import { createSeedStreams } from '@nlakit/run';
import { beforeEach, expect, it, vi } from 'vitest';
import { evaluateH5, optionsSchema } from './index.js';

const contract: NlaContract = {
  baseModel: 'm',
  dModel: 4,
  layer: 2,
  injectionScale: 7,
  mseScale: 2,
  tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 7, rightNeighborId: 8, criticSuffixIds: null },
  templates: { av: '{injection_char}', ar: '{explanation}', avChat: false },
  perLayerIds: 'marker',
};
interface State {
  arLayer: number;
  step: number | null;
  opened: string[];
  disposed: number;
  explained: number;
  /** Options of the last call. */
  asked: unknown;
  /** The scale the verbalizer injects with, whatever its sidecar says. */
  scale: number;
}
const state = vi.hoisted((): State => ({ arLayer: 2, step: 50, opened: [], disposed: 0, explained: 0, asked: null, scale: 7 }));

vi.mock('../../../packages/nla/src/verbalizer.js', () => ({
  openVerbalizer: ({ folder, injector }: { folder: string; injector: Injector }) => {
    state.opened.push(folder);
    return Promise.resolve({
      contract,
      sidecar: { step: state.step },
      warnings: [],
      explain: (vectors: readonly Float32Array[], asked: unknown) => {
        state.asked = asked;
        state.explained += vectors.length;
        for (const vector of vectors) injector.apply([{ row: 0, position: 2 }], vector, state.scale);
        return Promise.resolve(
          vectors.map((vector) => ({ text: 't', explanation: `word ${vector[0]}`, tokens: new Int32Array(3), stopped: true })),
        );
      },
      dispose: () => (state.disposed += 1),
    });
  },
}));

vi.mock('../../../packages/nla/src/reconstructor.js', () => ({
  openReconstructor: ({ folder }: { folder: string }) => {
    state.opened.push(folder);
    return Promise.resolve({
      contract: { ...contract, layer: state.arLayer, injectionScale: null },
      sidecar: { step: 10 },
      warnings: [],
      reconstruct: (texts: readonly string[]) =>
        Promise.resolve(texts.map((text) => Float32Array.from([Number(text.split(' ')[1] ?? 0) || 0, 1, 0, 0]))),
      dispose: () => (state.disposed += 1),
    });
  },
}));

function row(index: number, documentId: string): NlaRow {
  return { id: `r${index}`, documentId, vector: Float32Array.from([index + 1, 1, 0.5, 0]), rawTokens: 4, text: 'long text '.repeat(200) };
}
let leak = false;
/** Number of training rows handed out, and the hash their file has. */
const training = { read: 0, sha256: 'avSft' };
function dataset(): Dataset {
  const splits: Record<SplitName, NlaRow[]> = {
    avSft: Array.from({ length: 5 }, (_, index) => row(index, `train ${index}`)),
    arSft: Array.from({ length: 5 }, (_, index) => row(index, leak ? `held ${index}` : `other ${index}`)),
    heldOut: Array.from({ length: 12 }, (_, index) => row(index, `held ${index}`)),
  };
  return {
    prepare: () => {
      throw new Error('not called');
    },
    describe: () => Promise.reject(new Error('not called')),
    open: (_folder, name) =>
      Promise.resolve({
        name,
        length: splits[name].length,
        sha256: name === 'avSft' ? training.sha256 : name,
        rows: (indices) => {
          if (name !== 'heldOut') training.read += indices.length;
          return Promise.resolve(indices.map((index) => splits[name][index]).filter((found) => found !== undefined));
        },
      }),
  };
}
const tokenizer = { sha256: 'tok', encode: () => Int32Array.from([3]), tokenOf: () => 'text' };
/** Brings vectors to a norm, as the verbalizer's sidecar promises; `forced` is a norm it uses whatever it is asked for. */
const scaling: { forced: number | null } = { forced: null };
const injector = {
  name: 'injector',
  apply: (slots: readonly { row: number; position: number }[], vectors: Float32Array, scale: number | null) =>
    slots.map((slot) => ({
      ...slot,
      vector: vectors.map((value) => (value / Math.hypot(...vectors)) * (scaling.forced ?? scale ?? 1) || 0),
    })),
} as unknown as Injector;

function context(extra: Partial<EvaluateContext> = {}): EvaluateContext {
  return {
    model: { tokenizer } as unknown as EvaluateContext['model'],
    injector,
    dataset: dataset(),
    dataFolder: 'data',
    stepFolder: 'trajectory/step_000050',
    reconstructorFolder: 'reconstructor/step_000010',
    seeds: createSeedStreams(3),
    signal: new AbortController().signal,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined },
    ...extra,
  };
}
const options = optionsSchema.parse({ rows: 10, bootstrap: 100, permutations: 100 });
const identity = { name: 'e', version: '1' };

beforeEach(() => {
  leak = false;
  scaling.forced = null;
  Object.assign(training, { read: 0, sha256: 'avSft' });
  Object.assign(state, { arLayer: 2, step: 50, opened: [], disposed: 0, explained: 0, asked: null, scale: 7 });
});

it('measures the step that lies in the folder, and says with what', async () => {
  const evaluation = await evaluateH5(context(), options, identity);
  expect(state.opened).toEqual(['trajectory/step_000050', 'reconstructor/step_000010']);
  expect(state.disposed).toBe(2);
  expect(evaluation).toMatchObject({
    evaluator: 'e',
    step: 50,
    provenance: {
      injectionScale: 7,
      layer: 2,
      step: 'step_000050',
      reconstructorStep: 10,
      heldOut: { sha256: 'heldOut', rows: 12 },
      statistics: { seed: 3 },
    },
    summary: { n: 10, baselines: { n: 5, sourceHash: 'avSft' } },
  });
  expect(evaluation.rows).toHaveLength(10);
  expect(String(evaluation.rows[0]?.text)).toHaveLength(2000);
  expect(Object.values(evaluation.headline).every(Number.isFinite)).toBe(true);
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
  expect(evaluation.warnings.map(({ code }) => code)).toEqual(['W_EVALUATION_FEW_ROWS', 'W_H5_UNLABELLED']);
});

it('stores what its summary can be recomputed from', async () => {
  const evaluation = await evaluateH5(context(), options, { ...identity, name: '@nlakit/evaluator-h5' });
  expect(recheck(JSON.parse(JSON.stringify(evaluation)))).toMatchObject({ differences: [], notComputed: [] });
});

it.each([
  ['a scale other than the sidecar’s', () => (state.scale = 8), /SIDECAR_SCALE: scale 8, the sidecar says 7/],
  [
    'an injector that does not keep to the scale',
    () => (scaling.forced = 3),
    /SIDECAR_SCALE: norms from [\d.]+ to [\d.]+, the sidecar says 7/,
  ],
])('does not store what was measured with %s', async (_, spoil, message) => {
  spoil();
  const error: unknown = await evaluateH5(context(), options, identity).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'E_EVALUATION_INTEGRITY' });
  expect(String(error)).toMatch(message);
});

it('samples with a seeded stream where it is told to, and says so', async () => {
  const sampling = { ...options, temperature: 0.7, minNewTokens: 15 };
  expect((await evaluateH5(context(), sampling, identity)).provenance).toMatchObject({
    decoding: { method: 'sampling', temperature: 0.7, minNewTokens: 15 },
  });
  expect(state.asked).toMatchObject({ temperature: 0.7, minNewTokens: 15 });
});

it('takes the number of rows from the call first, and says when there are fewer', async () => {
  const evaluation = await evaluateH5(context({ rows: 40 }), options, identity);
  expect(evaluation.rows).toHaveLength(12);
  expect(evaluation.warnings.map(({ code }) => code)).toContain('W_EVALUATION_ROWS');
});

it('finds the step in the folder name where the sidecar has none', async () => {
  state.step = null;
  expect((await evaluateH5(context({ stepFolder: 'x/step_000120' }), options, identity)).step).toBe(120);
});

it('refuses a reconstructor of another layer, and lets everything go', async () => {
  state.arLayer = 3;
  await expect(evaluateH5(context(), options, identity)).rejects.toMatchObject({ code: 'E_EVALUATION_PAIR' });
  expect(state.disposed).toBe(2);
});

it('refuses rows that either of the two was trained on', async () => {
  leak = true;
  await expect(evaluateH5(context(), options, identity)).rejects.toMatchObject({ code: 'E_EVALUATION_LEAK' });
  expect(state.explained).toBe(0);
});

it('reads the training rows once for all steps, and again when their file has changed', async () => {
  const shared = dataset();
  const first = await evaluateH5(context({ dataset: shared }), options, identity);
  const second = await evaluateH5(context({ dataset: shared, stepFolder: 'trajectory/step_000100' }), options, identity);
  expect(training.read).toBe(10);
  expect(second.summary['baselines']).toEqual(first.summary['baselines']);
  training.sha256 = 'changed';
  expect((await evaluateH5(context({ dataset: shared }), options, identity)).summary).toMatchObject({
    baselines: { sourceHash: 'changed' },
  });
  expect(training.read).toBe(20);
});

it('stops when it is told to', async () => {
  await expect(evaluateH5(context({ signal: AbortSignal.abort() }), options, identity)).rejects.toThrow(/abort/i);
});
