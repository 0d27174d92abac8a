import { compiledUpdates } from './compiled-updates.js';
import type { CodeBook } from './dynamic-map.js';
import { plainUpdates } from './plain-updates.js';

/** Factors of one AdamW step, the same for all parameters. */
export interface SharedFactors {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Learning rate over the bias correction of the first moment. */
  readonly stepSize: number;
  /** Root of the bias correction of the second moment. */
  readonly correction2: number;
}

/** Factors of one AdamW step, the same for all elements of a parameter. */
export interface StepFactors extends SharedFactors {
  /** 1 - learning rate · weight decay, or 1. */
  readonly keep: number;
}

/** A parameter's moments in 8 bits. */
export interface QuantizedMoments {
  readonly state1: Uint8Array;
  readonly state2: Uint8Array;
  /** One per block. */
  readonly absmax1: Float32Array;
  readonly absmax2: Float32Array;
}

/** A parameter's moments in f32. */
export interface PlainMoments {
  readonly state1: Float32Array;
  readonly state2: Float32Array;
}

/** One parameter in a step. */
export interface ParameterUpdate {
  readonly p: Float32Array;
  readonly g: Float32Array;
  readonly moments: PlainMoments | QuantizedMoments;
  /** As in {@link StepFactors}. */
  readonly keep: number;
}

/** How moments are stored in 8 bits. */
export interface UpdateSettings {
  readonly blockSize: number;
  /** Whether a second moment above zero gets code 1 at least. */
  readonly floor: boolean;
  /** For first moments. */
  readonly signed: CodeBook;
  /** For second moments. */
  readonly unsigned: CodeBook;
}

/**
 * The updates of parameters and moments, in place. Whatever computes them is equal to the bit: a run may go on with others. `f32` and
 * `quantized` return the sum of the squared changes of the parameter, as it is stored.
 */
export interface UpdateKernels {
  f32(p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, factors: StepFactors): number;
  quantized(p: Float32Array, g: Float32Array, moments: QuantizedMoments, factors: StepFactors, settings: UpdateSettings): number;
  /**
   * `f32` or `quantized` for every parameter, each with its own `keep`: many small ones in one call. Returns what they would, in order. Without
   * it they are called one by one.
   */
  all?(updates: readonly ParameterUpdate[], factors: SharedFactors, settings: UpdateSettings): ArrayLike<number>;
  /** What {@link sumOfSquares} returns, which is used without it. */
  sumOfSquares?(values: Float32Array): number;
  /** Multiplies every value in place: the product of two f64, rounded to f32. Done in JavaScript without it. */
  scale?(values: Float32Array, factor: number): void;
}

/** A symbol of the whole process: a backend may have another copy of this package. */
const key = Symbol.for('nlakit.optim.update-kernels');

/** Lets the optimizers of this process use updates of a backend package, or with `undefined` those of this one again. */
export function useUpdateKernels(kernels: UpdateKernels | undefined): void {
  (globalThis as { [key]?: UpdateKernels | undefined })[key] = kernels;
}

/** What {@link useUpdateKernels} was last told; else the updates of this package. */
export function updateKernels(): UpdateKernels {
  return (globalThis as { [key]?: UpdateKernels | undefined })[key] ?? compiledUpdates() ?? plainUpdates;
}
