import type { Backend, Dataset, Injector, Logger, NlaContract, NlaRow, TrainContext } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '../../../run/src/seed-streams.js';
import { createEmbeddingInjector } from '../../../../plugins/injector-embedding/src/embedding-injector.js';
import { fakeModel, type FakeModel } from './fake-model.js';

export const fakeContract: NlaContract = {
  baseModel: 'fake/model',
  dModel: 16,
  layer: 1,
  injectionScale: 3,
  mseScale: 4,
  tokens: { injectionChar: '㊗', injectionTokenId: 8, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: [7, 4] },
  templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>', avChat: false },
  perLayerIds: 'marker',
};

const topics = ['animal', 'food', 'plant', 'time'];

/** Rows whose vector points where the topic says, with a little noise. */
export function fakeRows(count: number, dModel = 16): NlaRow[] {
  const random = createSeedStreams(11).stream('rows');
  return Array.from({ length: count }, (_, index) => {
    const topic = (index * 7 + Math.floor(index / 5)) % topics.length;
    const vector = Float32Array.from({ length: dModel }, (_unused, at) => (at === topic ? 3 : 0) + 0.3 * random.normal());
    return {
      id: `row${index}`,
      documentId: `doc${Math.floor(index / 2)}`,
      vector,
      explanation: `topic: ${topics[topic]}. last: the`,
      rawTokens: 5,
    };
  });
}

function fakeDataset(splits: { readonly train: readonly NlaRow[]; readonly heldOut: readonly NlaRow[] }): Dataset {
  return {
    prepare: () => {
      throw new Error('unused');
    },
    describe: () => Promise.resolve({ datasetId: 'fake', contract: fakeContract, sidecar: {} }),
    open: (_folder, name) => {
      const rows = name === 'heldOut' ? splits.heldOut : splits.train;
      return Promise.resolve({
        name,
        length: rows.length,
        sha256: 'fake',
        rows: (indices) => Promise.resolve(indices.flatMap((index) => rows[index] ?? [])),
      });
    },
  };
}

const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };

const fakeBackend: Backend = {
  name: 'cpu',
  description: 'tfjs cpu',
  capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 2 ** 31, synchronousRead: true },
  memory: () => ({ liveBytes: tf.memory().numBytes, peakBytes: tf.memory().numBytes, tensors: tf.memory().numTensors }),
  selfTest: () => Promise.resolve({ ok: true, gflops: 0, detail: '' }),
  dispose: () => Promise.resolve(),
};

export function fakeInjector(): Injector {
  return createEmbeddingInjector({ scale: 3, perLayerIds: 'marker', allowOutOfDistribution: false, computeDtype: 'f32' });
}

export interface FakeStageOptions {
  readonly rows?: readonly NlaRow[];
  readonly heldOut?: readonly NlaRow[];
  readonly contract?: NlaContract;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly untilStep?: number;
  readonly model?: FakeModel;
}

/** Everything a trainer is given, over the fake model. */
export function fakeStage(options: FakeStageOptions = {}): TrainContext & { readonly model: FakeModel } {
  return {
    model: options.model ?? fakeModel(),
    backend: fakeBackend,
    injector: fakeInjector(),
    dataset: fakeDataset({ train: options.rows ?? fakeRows(40), heldOut: options.heldOut ?? fakeRows(56).slice(40) }),
    dataFolder: '/unused',
    contract: options.contract ?? fakeContract,
    seeds: createSeedStreams(options.seed ?? 1),
    signal: options.signal ?? new AbortController().signal,
    log: silentLogger,
    ...(options.untilStep === undefined ? {} : { untilStep: options.untilStep }),
  };
}
