import {
  blockOutput,
  finalState,
  type ForwardInput,
  type NamedTensors,
  type RandomState,
  type RandomStream,
  type Segment,
} from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Gemma4Config, Gemma4Layer } from './config.js';
import { asBatch, type Gemma4Decoder, type KeysValues } from './decoder.js';
import { typeConstants, type PassPlan, type TypeConstants } from './pass-plan.js';

/** Names of the entries that segments hand on. Every entry is differentiable; there are no constants among them. */
export const stateNames = {
  /** Residual stream, `[batch × length, dModel]`. */
  residual: 'residual',
  /** Per-layer input of a block that is still to come, `[batch × length, perLayerWidth]`. */
  perLayer: (layer: number): string => `blocks.${layer}.per_layer`,
  /** Keys of a donor layer, `[batch, length, kvHeads, headDim]`, as long as a later block reads them. */
  keys: (layer: number): string => `blocks.${layer}.keys`,
  values: (layer: number): string => `blocks.${layer}.values`,
  /** After the final norm, `[batch, length, dModel]`. */
  final: finalState,
} as const;

/** Gives a block the constants of its attention type. */
export type ConstantsOf = (type: 'sliding' | 'full') => TypeConstants;

/**
 * The pass cut into `embedding`, `blocks.N` and `final`. A segment returns the entries that a later segment or the caller needs;
 * what it only hands on is the same tensor as before. Captured hook points stay in the state under their own names.
 *
 * Segments are pure, also with dropout: run again, a segment draws the numbers that it drew the first time.
 *
 * @param constants shared constants of the whole pass; without it every segment makes and frees its own
 */
export function createSegments(
  config: Gemma4Config,
  decoder: Gemma4Decoder,
  input: ForwardInput,
  plan: PassPlan,
  constants?: ConstantsOf,
): Segment[] {
  const { batch, length, dropout, stopAfterBlock, capture = [] } = input;
  const captured = new Set(capture);
  const last = stopAfterBlock ?? config.layers.length - 1;
  const layers = config.layers.slice(0, last + 1);
  const constantsOf: ConstantsOf = constants ?? ((type) => typeConstants(config, type, plan));
  const lastReader = new Map(layers.map((layer) => [layer.donor, layer.index]));
  const segment = (name: string, run: (state: NamedTensors) => NamedTensors): Segment => ({
    name,
    run: replayable(dropout, (state) => tf.tidy(() => run(state))),
  });

  const embedding = segment('embedding', () => {
    const residual = decoder.embed(input);
    const perLayer = decoder.perLayerInputs(residual, input, layers.length, dropout);
    const state: Record<string, Tensor2D> = { [stateNames.residual]: residual };
    perLayer.forEach((part, index) => (state[stateNames.perLayer(index)] = part));
    return state;
  });

  const blocks = layers.map((layer) =>
    segment(`blocks.${layer.index}`, (before) => {
      const state = { ...before };
      const { residual, own } = decoder.block(layer, {
        batch,
        length,
        residual: state[stateNames.residual] as Tensor2D,
        perLayer: state[stateNames.perLayer(layer.index)] as Tensor2D,
        constants: constantsOf(layer.type),
        shared: sharedOf(layer, state),
        dropout,
      });
      delete state[stateNames.perLayer(layer.index)];
      if (layer.donor !== undefined && lastReader.get(layer.donor) === layer.index) {
        delete state[stateNames.keys(layer.donor)];
        delete state[stateNames.values(layer.donor)];
      }
      if (own !== undefined && lastReader.has(layer.index)) {
        state[stateNames.keys(layer.index)] = own.keys;
        state[stateNames.values(layer.index)] = own.values;
      }
      state[stateNames.residual] = residual;
      if (captured.has(blockOutput(layer.index))) state[blockOutput(layer.index)] = asBatch(residual, batch, length);
      return state;
    }),
  );

  const final = segment('final', (before) => {
    const state = { ...before };
    delete state[stateNames.residual];
    state[stateNames.final] = asBatch(decoder.norm(before[stateNames.residual] as Tensor2D), batch, length);
    return state;
  });
  return [embedding, ...blocks, ...((input.final ?? stopAfterBlock === undefined) ? [final] : [])];
}

function sharedOf(layer: Gemma4Layer, state: NamedTensors): KeysValues | undefined {
  if (layer.donor === undefined) return undefined;
  return { keys: state[stateNames.keys(layer.donor)] as Tensor4D, values: state[stateNames.values(layer.donor)] as Tensor4D };
}

/** Makes a function that draws random numbers draw the same ones at every call, leaving the stream where it was before a repetition. */
function replayable<In, Out>(random: RandomStream | undefined, run: (state: In) => Out): (state: In) => Out {
  if (random === undefined) return run;
  let start: RandomState | undefined;
  return (state) => {
    if (start === undefined) {
      start = random.state();
      return run(state);
    }
    const now = random.state();
    random.restore(start);
    try {
      return run(state);
    } finally {
      random.restore(now);
    }
  };
}
