import type { Backend, Dataset, Logger, NlaContract, NlaRow, SplitName, TrainContext } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { createToyInjector } from './toy-injector.js';
import { createToyModel, type ToyModel } from './toy-model.js';

/** What the toy AV and AR agree on. */
export const toyContract: NlaContract = {
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
export function toyRows(count: number, dModel = 16): NlaRow[] {
  const random = createSeedStreams(11).stream('rows');
  return Array.from({ length: count }, (_, index) => {
    const topic = (index * 7 + Math.floor(index / 5)) % topics.length;
    const vector = Float32Array.from({ length: dModel }, (_unused, at) => (at === topic ? 3 : 0) + 0.3 * random.normal());
    return {
      id: `row${index}`,
      documentId: `doc${Math.floor(index / 2)}`,
      vector,
      explanation: `topic: ${topics[topic] ?? ''}. last: the`,
      text: `${topics[topic] ?? ''} the`,
      token: 'the',
      rawTokens: 5,
    };
  });
}

/** A dataset that lives in memory. `sha256` names the split. */
export function createToyDataset(
  splits: { readonly train: readonly NlaRow[]; readonly heldOut: readonly NlaRow[] } = toySplits(),
): Dataset {
  const rowsOf = (name: SplitName): readonly NlaRow[] => (name === 'heldOut' ? splits.heldOut : splits.train);
  return {
    async *prepare({ signal }) {
      signal.throwIfAborted();
      await Promise.resolve();
      yield { type: 'done', figures: { rows: splits.train.length + splits.heldOut.length }, files: [] };
    },
    describe: () => Promise.resolve({ datasetId: 'toy', contract: toyContract, sidecar: {} }),
    open: (_folder, name) => {
      const rows = rowsOf(name);
      return Promise.resolve({
        name,
        length: rows.length,
        sha256: (name === 'heldOut' ? '1' : '2').repeat(64),
        rows: async (indices) => {
          await Promise.resolve();
          return indices.map((index) => {
            const row = rows[index];
            if (row === undefined) throw new RangeError(`The split has no row ${index}.`);
            return row;
          });
        },
      });
    },
  };
}

function toySplits(): { readonly train: readonly NlaRow[]; readonly heldOut: readonly NlaRow[] } {
  return { train: toyRows(40), heldOut: toyRows(56).slice(40) };
}

/** A logger that says nothing. */
export const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };

/** The tfjs backend that is current, as the seam shows it. */
export function createToyBackend(): Backend {
  return {
    name: tf.getBackend(),
    description: `tfjs ${tf.getBackend()}`,
    capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 2 ** 31, synchronousRead: true },
    memory: () => ({ liveBytes: tf.memory().numBytes, peakBytes: tf.memory().numBytes, tensors: tf.memory().numTensors }),
    selfTest: () => Promise.resolve({ ok: true, gflops: 0, detail: 'computes nothing' }),
    dispose: () => Promise.resolve(),
  };
}

/** What {@link createToyStage} may be given instead of its own. */
export interface ToyStageOptions {
  readonly rows?: readonly NlaRow[];
  readonly heldOut?: readonly NlaRow[];
  readonly contract?: NlaContract;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly untilStep?: number;
  readonly model?: ToyModel;
}

/** Everything a trainer is given, over the toy model. */
export function createToyStage(options: ToyStageOptions = {}): TrainContext & { readonly model: ToyModel } {
  return {
    model: options.model ?? createToyModel(),
    backend: createToyBackend(),
    injector: createToyInjector(),
    dataset: createToyDataset({ train: options.rows ?? toyRows(40), heldOut: options.heldOut ?? toyRows(56).slice(40) }),
    dataFolder: '/unused',
    contract: options.contract ?? toyContract,
    seeds: createSeedStreams(options.seed ?? 1),
    signal: options.signal ?? new AbortController().signal,
    log: silentLogger,
    ...(options.untilStep === undefined ? {} : { untilStep: options.untilStep }),
  };
}
