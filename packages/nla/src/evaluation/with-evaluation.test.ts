import type { Dataset, EvaluateContext, NlaContract, NlaRow, RandomStream, SplitName } from '@nlakit/core';
import { beforeEach, expect, it, vi } from 'vitest';
import { explainRows, reconstructTexts, storedExplanation, withEvaluation } from './index.js';

const contract: NlaContract = {
  baseModel: 'm',
  dModel: 2,
  layer: 2,
  injectionScale: 7,
  mseScale: 2,
  tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 7, rightNeighborId: 8, criticSuffixIds: null },
  templates: { av: '{injection_char}', ar: '{explanation}', avChat: false },
  perLayerIds: 'marker',
};
interface State {
  arLayer: number;
  arScale: number | null;
  step: number | null;
  disposed: number;
  read: string[];
}
const state = vi.hoisted((): State => ({ arLayer: 2, arScale: 7, step: 50, disposed: 0, read: [] }));

vi.mock('../verbalizer.js', () => ({
  openVerbalizer: () =>
    Promise.resolve({
      contract,
      sidecar: { step: state.step },
      warnings: [{ code: 'W_AV', message: '' }],
      explain: (vectors: readonly Float32Array[]) =>
        Promise.resolve(
          vectors.map((vector) => ({
            text: 't',
            explanation: vector[0] === 1 ? null : `word ${vector[0]}`,
            tokens: new Int32Array(3),
            stopped: true,
          })),
        ),
      dispose: () => (state.disposed += 1),
    }),
}));
vi.mock('../reconstructor.js', () => ({
  openReconstructor: () =>
    Promise.resolve({
      contract: { ...contract, layer: state.arLayer, injectionScale: state.arScale },
      sidecar: { step: 10 },
      warnings: [],
      reconstruct: (texts: readonly string[]) => {
        state.read.push(...texts);
        return Promise.resolve(texts.map((text) => Float32Array.of(text.length, 1)));
      },
      dispose: () => (state.disposed += 1),
    }),
}));

function row(index: number, documentId: string): NlaRow {
  return { id: `r${index}`, documentId, vector: Float32Array.of(index, 1), rawTokens: 4, text: `text ${index}` };
}
const held = { documents: 'held' };
const splits = (): Record<SplitName, NlaRow[]> => ({
  avSft: Array.from({ length: 5 }, (_, index) => row(index, `train ${index}`)),
  arSft: Array.from({ length: 5 }, (_, index) => row(index, `other ${index}`)),
  heldOut: Array.from({ length: 120 }, (_, index) => row(index, `${held.documents} ${index}`)),
});
let opened = 0;
function dataset(): Dataset {
  const all = splits();
  return {
    prepare: () => {
      throw new Error('not called');
    },
    describe: () => Promise.reject(new Error('not called')),
    open: (_folder, name) =>
      Promise.resolve({
        name,
        length: all[name].length,
        sha256: name,
        rows: (indices) => {
          if (name === 'avSft') opened += 1;
          return Promise.resolve(indices.map((index) => all[name][index] as NlaRow));
        },
      }),
  };
}
const reversed = { shuffle: (items: readonly unknown[]) => [...items].reverse() } as unknown as RandomStream;
function context(changes: Partial<EvaluateContext> = {}): EvaluateContext {
  return {
    model: { tokenizer: { sha256: 'tok' } } as EvaluateContext['model'],
    injector: { name: 'i' } as EvaluateContext['injector'],
    dataset: dataset(),
    dataFolder: 'data',
    stepFolder: 'trajectory/step_000050',
    reconstructorFolder: 'reconstructor/step_000010',
    seeds: { seed: 3, stream: () => reversed } as unknown as EvaluateContext['seeds'],
    signal: new AbortController().signal,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined },
    ...changes,
  };
}
const options = { rows: 110, seedName: 'e', maxNewTokens: 8, batch: 4 };

beforeEach(() => {
  Object.assign(state, { arLayer: 2, arScale: 7, step: 50, disposed: 0, read: [] });
  held.documents = 'held';
  opened = 0;
});

it('hands out checked parts, says with what, and lets go', async () => {
  const found = await withEvaluation(context(), options, (parts) => Promise.resolve(parts));
  expect(found.rows).toHaveLength(110);
  expect(found.rows[0]?.id).toBe('r119');
  expect(found).toMatchObject({
    step: 50,
    warnings: [{ code: 'W_AV' }],
    provenance: { injectionScale: 7, layer: 2, reconstructorStep: 10, heldOut: { sha256: 'heldOut', rows: 120 }, seed: 3, seedName: 'e' },
  });
  expect(state.disposed).toBe(2);
});

it('takes the number of rows from the call first, and warns of few', async () => {
  const few = await withEvaluation(context({ rows: 7 }), options, (parts) => Promise.resolve(parts));
  expect(few.rows).toHaveLength(7);
  expect(few.warnings.map(({ code }) => code)).toEqual(['W_EVALUATION_FEW_ROWS', 'W_AV']);
  const many = await withEvaluation(context({ rows: 700 }), options, (parts) => Promise.resolve(parts));
  expect(many.warnings.map(({ code }) => code)).toEqual(['W_EVALUATION_ROWS', 'W_AV']);
});

it('finds the step in the folder name where the sidecar has none, and tells small differences', async () => {
  Object.assign(state, { step: null, arScale: null });
  const found = await withEvaluation(context({ stepFolder: 'x/step_000120' }), options, (parts) => Promise.resolve(parts));
  expect(found.step).toBe(120);
  expect(found.warnings.map(({ code }) => code)).toEqual(['W_AV']);
});

it('refuses leaks and pairs that do not belong together, and lets everything go', async () => {
  state.arLayer = 3;
  await expect(withEvaluation(context(), options, () => Promise.reject(new Error('not called')))).rejects.toMatchObject({
    code: 'E_EVALUATION_PAIR',
  });
  expect(state.disposed).toBe(2);
  held.documents = 'other';
  await expect(withEvaluation(context({ rows: 120 }), options, () => Promise.reject(new Error('not called')))).rejects.toMatchObject({
    code: 'E_EVALUATION_LEAK',
    details: { found: expect.stringContaining('5 documents') },
  });
});

it('closes AV and AR when the work fails, and reads training rows once for all steps', async () => {
  const shared = dataset();
  const work = () => Promise.reject(new Error('broken'));
  await expect(withEvaluation(context({ dataset: shared }), options, work)).rejects.toThrow('broken');
  await expect(withEvaluation(context({ dataset: shared }), options, work)).rejects.toThrow('broken');
  expect(state.disposed).toBe(4);
  expect(opened).toBe(1);
  await expect(withEvaluation(context({ signal: AbortSignal.abort() }), options, work)).rejects.toThrow(/abort/i);
});

it('explains and reconstructs; rows without explanation stay', async () => {
  const asked = context();
  await withEvaluation(asked, options, async (parts) => {
    const rows = await explainRows(parts, options, asked);
    const silent = rows.find((one) => one.row.id === 'r11');
    expect(silent?.explanation).toBe('word 11');
    const none = await explainRows({ ...parts, rows: [row(1, 'x')] }, options, asked);
    expect(none[0]).toMatchObject({ explanation: '', output: { explanation: null } });
    expect(storedExplanation(none[0] as (typeof none)[number])).toMatchObject({ id: 'r1', explanation: null, gold: null, tokens: 3 });
    const vectorOf = await reconstructTexts(parts, ['a', 'bb', 'a'], options, asked);
    expect(state.read).toEqual(['a', 'bb']);
    expect(vectorOf('bb')).toEqual(Float32Array.of(2, 1));
    expect(() => vectorOf('c')).toThrow(/was not reconstructed/);
  });
});
