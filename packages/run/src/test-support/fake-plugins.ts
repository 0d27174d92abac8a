import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  definePlugin,
  NlaError,
  type Backend,
  type Dataset,
  type DatasetSplit,
  type Evaluation,
  type Evaluator,
  type Injector,
  type Model,
  type NlaContract,
  type Plugin,
  type Publisher,
  type Trainer,
  type TrainEvent,
} from '@nlakit/core';
import * as z from 'zod';
import { createSeedStreams } from '../seed-streams.js';
import type { RunHost } from '../resolve-run.js';

const dModel = 4;

const contract: NlaContract = {
  baseModel: 'fake/base',
  dModel,
  layer: 2,
  injectionScale: 2,
  mseScale: 2,
  tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 8, rightNeighborId: 7, criticSuffixIds: null },
  templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>', avChat: false },
  perLayerIds: 'marker',
};

function unused(): never {
  throw new Error('The fake does not do this.');
}

/** What the fakes did, to be looked at by a test. */
export interface FakeJournal {
  readonly done: string[];
  /** What the fake evaluator measures at a step, in place of two rows that say nothing. */
  measure?: (step: number) => Partial<Pick<Evaluation, 'rows' | 'summary' | 'headline' | 'columns' | 'warnings'>>;
  /** Fingerprint of the fake model. */
  fingerprint?: string;
  /** What stands for the hash of a split, in place of one of its name. */
  dataHash?: string;
  /** Called by the fake trainer before anything is trained; may throw. */
  check?: (role: string) => void;
  /** Called where the fake evaluator is made; may throw. */
  makeEvaluator?: () => void;
  /** Called by the fake trainer after each step. */
  afterStep?: (role: string, step: number) => void;
}

const backend: Backend = {
  name: 'fake',
  description: 'fake engine',
  capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 1e9, synchronousRead: true },
  memory: () => ({ liveBytes: 0, peakBytes: 0, tensors: 0 }),
  selfTest: () => Promise.resolve({ ok: true, gflops: 1, detail: 'fake' }),
  dispose: () => Promise.resolve(),
};

const model = (journal?: FakeJournal): Model => ({
  spec: {
    name: 'fake/base',
    fingerprint: journal?.fingerprint ?? 'f00d',
    architecture: 'fake',
    dModel,
    layers: 4,
    vocabularySize: 10,
    embeddingScale: 1,
    hookPoints: [],
    linears: new Map([['model.layers.0.q_proj', [dModel, dModel]]]),
    parameters: 1,
    config: {},
  },
  tokenizer: {
    sha256: 'x',
    vocabularySize: 10,
    bosId: 0,
    eosId: 1,
    padId: 2,
    unkId: undefined,
    encode: unused,
    decode: unused,
    idOf: unused,
    tokenOf: unused,
  },
  head: { logits: unused, crossEntropy: unused },
  adapt: () => undefined,
  forward: unused,
  segments: unused,
  generate: unused,
  embed: unused,
  dispose: () => undefined,
});

const injector: Injector = {
  name: 'fake',
  perLayerIds: 'marker',
  scale: () => 2,
  locate: unused,
  guard: unused,
  apply: unused,
};

const split = (name: DatasetSplit['name'], sha256 = `hash-of-${name}`): DatasetSplit => ({
  name,
  length: 6,
  sha256,
  rows: (indices) =>
    Promise.resolve(
      indices.map((index) => {
        const stream = createSeedStreams(5).stream(`${name}${index}`);
        return {
          id: `${name}${index}`,
          documentId: `d${index}`,
          rawTokens: 3,
          vector: Float32Array.from({ length: dModel }, () => stream.normal() + 1),
        };
      }),
    ),
});

const dataset = (journal: FakeJournal): Dataset => ({
  async *prepare({ signal, folder }) {
    journal.done.push('data');
    if (signal.aborted) return;
    await writeFile(join(folder, 'rows.txt'), 'six rows');
    yield { type: 'progress', task: 'extract', done: 1, total: 1, unit: 'rows' };
    yield { type: 'done', figures: { rows: 6 }, files: ['rows.txt'] };
  },
  describe: () => Promise.resolve({ datasetId: 'fake-data', contract, sidecar: {} }),
  open: (_, name) => Promise.resolve(split(name, journal.dataHash)),
});

/** A trainer whose weights are a random walk: any slip in resuming shows in the bytes. */
function trainer(role: 'av' | 'ar', options: { readonly steps: number; readonly saveEvery: number }, journal: FakeJournal): Trainer {
  return {
    role,
    steps: options.steps,
    plan: () => ({ parts: [], peakBytes: 0 }),
    check: () => Promise.resolve(journal.check?.(role)),
    async *train(
      { seeds, signal, untilStep, split: _split, ...rest }: Parameters<Trainer['train']>[0] & { split?: never },
      resume,
    ): AsyncGenerator<TrainEvent> {
      void rest;
      const noise = seeds.stream(`${role}.noise`);
      const a = new Float32Array(2 * dModel);
      const b = new Float32Array(dModel * 2);
      let step = 0;
      let momentum = new Uint8Array(3);
      if (resume !== undefined) {
        step = resume.step;
        a.set(resume.tensors.get('a')?.data as Float32Array);
        b.set(resume.tensors.get('b')?.data as Float32Array);
        momentum = Uint8Array.from(resume.tensors.get('momentum')?.data ?? []);
      } else {
        yield {
          type: 'guard',
          guard: {
            verdict: 'accepted',
            activationRatio: 1,
            embeddingRatio: 1,
            medianActivationNorm: 2,
            medianEmbeddingNorm: 2,
            reasons: [],
          },
          override: false,
        };
      }
      const checkpoint = (reason: 'save' | 'interrupt'): TrainEvent => ({
        type: 'checkpoint',
        step,
        reason,
        lora: { rank: 2, alpha: 4, dropout: 0, targets: 'model\\.layers\\.\\d+\\.q_proj', rankStabilized: false },
        pairs: new Map([
          ['model.layers.0.q_proj', { a: { shape: [2, dModel], data: a.slice() }, b: { shape: [dModel, 2], data: b.slice() } }],
        ]),
        extra: role === 'ar' ? new Map([['value_head', new Map([['weight', { shape: [dModel, 2], data: b.slice() }]])]]) : new Map(),
        training: { lr: 0.001, max_steps_configured: options.steps, steps_completed: step },
        health: { held_out_loss: 1 / step },
        state: {
          step,
          tensors: new Map<string, { shape: readonly number[]; data: Float32Array } | { shape: readonly number[]; data: Uint8Array }>([
            ['a', { shape: [2, dModel], data: a.slice() }],
            ['b', { shape: [dModel, 2], data: b.slice() }],
            ['momentum', { shape: [3], data: momentum.slice() }],
          ]),
          streams: seeds.state(),
          cursor: { step },
        },
      });
      while (step < options.steps && step < (untilStep ?? Infinity)) {
        step += 1;
        for (const values of [a, b]) values.forEach((value, index) => (values[index] = value + noise.normal()));
        momentum.forEach((value, index) => (momentum[index] = (value + step + index) % 256));
        yield {
          type: 'step',
          step,
          steps: options.steps,
          figures: { loss: 1 / step, learningRate: 0.001, gradientNorm: 1, tokens: 10, seconds: 0.01 },
        };
        journal.done.push(`${role}${step}`);
        journal.afterStep?.(role, step);
        const saves = step % options.saveEvery === 0 || step === options.steps;
        if (saves) yield checkpoint('save');
        if (signal.aborted || step === untilStep) {
          // Some trainers hand out a second checkpoint at a step that was just saved.
          yield checkpoint('interrupt');
          return;
        }
      }
      yield { type: 'done', step, figures: { loss: 1 / step } };
    },
  };
}

const evaluator = (journal: FakeJournal): Evaluator => ({
  name: 'fake',
  evaluate({ stepFolder, rows }) {
    journal.done.push(`eval ${stepFolder.slice(-6)}`);
    const step = Number(stepFolder.slice(-6));
    return Promise.resolve({
      evaluator: '@fake/evaluator',
      version: '1.0.0',
      step,
      rows: Array.from({ length: rows ?? 2 }, (_, index) => ({ id: `r${index}`, cos: 0.5 })),
      summary: {},
      headline: { cos: 0.5 },
      provenance: {},
      warnings: [{ code: 'W_FAKE', message: 'made up' }],
      ...journal.measure?.(step),
    });
  },
});

const publisher: Publisher = { name: 'fake', plan: unused, publish: unused };

const steps = z.strictObject({ steps: z.int().min(1).default(4), saveEvery: z.int().min(1).default(2) });
const none = z.strictObject({});

/** A host whose packages are fakes: `@fake/backend`, `@fake/model`, … */
export function fakeHost(journal: FakeJournal = { done: [] }): RunHost {
  const version = '1.0.0';
  const fakeEngine = (name: string, tested: Partial<Awaited<ReturnType<Backend['selfTest']>>> = {}) => ({
    plugin: definePlugin({
      kind: 'backend',
      name: `@fake/${name}-backend`,
      version,
      optionsSchema: none,
      create: (): Backend => ({
        ...backend,
        name,
        description: `${name} engine`,
        selfTest() {
          journal.done.push(`test ${name}`);
          return Promise.resolve({ ok: true, gflops: 1, detail: 'fake', ...tested });
        },
      }),
    }),
  });
  const packages: Record<string, unknown> = {
    '@fake/backend': {
      plugin: definePlugin({ kind: 'backend', name: '@fake/backend', version, optionsSchema: none, create: () => backend }),
    },
    '@fake/other-backend': fakeEngine('other'),
    '@fake/fast-backend': fakeEngine('fast', { gflops: 2 }),
    '@fake/hardly-faster-backend': fakeEngine('hardly-faster', { gflops: 1.2 }),
    '@fake/wrong-backend': fakeEngine('wrong', { ok: false, gflops: 1000, detail: 'matMul is off by 3' }),
    '@fake/no-plugin': { plugin: 'none' },
    '@fake/broken-backend': {
      plugin: definePlugin({
        kind: 'backend',
        name: '@fake/broken-backend',
        version,
        optionsSchema: none,
        create: () => Promise.reject(new NlaError('E_BACKEND_UNAVAILABLE', { message: 'There is no such device.' })),
      }),
    },
    '@fake/model': {
      plugin: definePlugin({
        kind: 'model',
        name: '@fake/model',
        version,
        needs: ['backend'],
        optionsSchema: z.strictObject({ source: z.string(), layer: z.int().optional() }),
        create: (_, context) => {
          context.use('backend');
          return { describe: () => Promise.resolve(model().spec), load: () => Promise.resolve(model(journal)) };
        },
      }),
    },
    '@fake/injector': {
      default: definePlugin({ kind: 'injector', name: '@fake/injector', version, optionsSchema: none, create: () => injector }),
    },
    '@fake/dataset': {
      plugin: definePlugin({ kind: 'dataset', name: '@fake/dataset', version, optionsSchema: none, create: () => dataset(journal) }),
    },
    '@fake/trainer': {
      av: definePlugin({
        kind: 'trainer',
        name: '@fake/trainer-av',
        version,
        needs: ['dataset'],
        optionsSchema: steps,
        create: (o) => trainer('av', o, journal),
      }),
      ar: definePlugin({
        kind: 'trainer',
        name: '@fake/trainer-ar',
        version,
        optionsSchema: steps,
        create: (o) => trainer('ar', o, journal),
      }),
    },
    '@fake/evaluator': {
      plugin: definePlugin({
        kind: 'evaluator',
        name: '@fake/evaluator',
        version,
        optionsSchema: z.strictObject({ rows: z.int().default(2), at: z.array(z.int()).optional() }),
        create: () => {
          journal.makeEvaluator?.();
          return evaluator(journal);
        },
      }),
    },
    '@fake/publisher': {
      plugin: definePlugin({ kind: 'publisher', name: '@fake/publisher', version, optionsSchema: none, create: () => publisher }),
    },
    '@fake/quantized': {
      plugin: definePlugin({
        kind: 'model',
        name: '@fake/quantized',
        version,
        needs: ['quantizer'],
        optionsSchema: z.unknown(),
        create: unused,
      }),
    },
    '@fake/old': {
      plugin: {
        ...(definePlugin({ kind: 'model', name: '@fake/old', version, optionsSchema: none, create: unused }) as Plugin),
        specVersion: 'v0',
      },
    },
    '@fake/empty': { something: 1 },
  };
  return {
    bundled: (specifier) => {
      const found = packages[specifier];
      if (found !== undefined) return Promise.resolve(found);
      return Promise.reject(Object.assign(new NlaError('E_NONE', { message: 'none' }), { code: 'ERR_MODULE_NOT_FOUND' }));
    },
    bundledNames: Object.keys(packages),
    backends: ['@fake/backend'],
  };
}

/** A config that uses every fake. */
export const fakeConfig = `schema: 1
name: fake-run
seed: 7
backend: { use: auto }
model: { use: "@fake/model", options: { source: x, layer: 2 } }
injector: { use: "@fake/injector" }
dataset: { use: "@fake/dataset" }
trainers:
  ar: { use: "@fake/trainer#ar", options: { steps: 3 } }
  av:
    use: "@fake/trainer#av"
    options:
      steps: 5
      saveEvery: 2
evaluators:
  - { id: h5, use: "@fake/evaluator", options: { rows: 3 } }
publisher: { use: "@fake/publisher" }
`;
