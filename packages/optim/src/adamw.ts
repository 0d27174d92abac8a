import { createHash } from 'node:crypto';
import { NlaError, type JsonValue } from '@nlakit/core';
import { refuseNonFinite } from './check-gradients.js';
import { dynamicMap } from './dynamic-map.js';
import type { Optimizer, OptimizerState } from './optimizer.js';
import {
  updateKernels,
  type ParameterUpdate,
  type PlainMoments,
  type QuantizedMoments,
  type SharedFactors,
  type UpdateKernels,
  type UpdateSettings,
} from './update-kernels.js';

/** Settings of AdamW; the defaults are those of torch.optim.AdamW. */
export interface AdamWOptions {
  /** Decay rates of the two moments, (0.9, 0.999). */
  readonly betas?: readonly [number, number];
  /** Added to the root of the bias-corrected second moment, 1e-8. */
  readonly epsilon?: number;
  /** Decoupled: parameters shrink by learning rate · decay before the update. 0.01. */
  readonly weightDecay?: number;
  /** Which parameters decay; all by default. */
  readonly decays?: (name: string) => boolean;
}

/** Settings of the 8-bit variant; the defaults are those of bitsandbytes' AdamW8bit. */
export interface AdamW8bitOptions extends AdamWOptions {
  /** Parameters with fewer elements keep f32 moments, 4096. */
  readonly smallestQuantized?: number;
  /** Elements that share one absmax, 256. */
  readonly blockSize?: number;
  /**
   * Store a positive second moment with code 1 at least (default true). Without it a moment below 1.6e-7 of its block's largest
   * becomes 0 while the first moment does not, and the next update is unbounded.
   */
  readonly secondMomentFloor?: boolean;
}

/**
 * AdamW (Loshchilov and Hutter, 2019) with f32 moments. Order of operations and rounding as torch.optim.AdamW: decay first, then
 * `p -= lr / (1 - beta1^t) · m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`. Throws `E_OPTIM_OPTIONS`.
 */
export function createAdamW(options: AdamWOptions = {}): Optimizer {
  return create('adamw', options);
}

/**
 * AdamW with moments stored in 8 bits, block-wise (Dettmers et al., 2022): one absmax per block and bitsandbytes' dynamic maps.
 * The update is torch's, computed from the unrounded new moments, decay first (bitsandbytes on CUDA decays afterwards). Codes are
 * the exactly nearest ones; a first moment never changes its sign by being stored. Throws `E_OPTIM_OPTIONS`.
 */
export function createAdamW8bit(options: AdamW8bitOptions = {}): Optimizer {
  return create('adamw8bit', options);
}

type Moments = PlainMoments | QuantizedMoments;

function create(algorithm: 'adamw' | 'adamw8bit', options: AdamW8bitOptions): Optimizer {
  const [beta1, beta2] = options.betas ?? [0.9, 0.999];
  const epsilon = options.epsilon ?? 1e-8;
  const weightDecay = options.weightDecay ?? 0.01;
  const decays = options.decays ?? (() => true);
  const blockSize = options.blockSize ?? 256;
  const floor = options.secondMomentFloor ?? true;
  const smallest = algorithm === 'adamw' ? Infinity : (options.smallestQuantized ?? 4096);
  refuseOptions('betas', [beta1, beta2], beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, 'two numbers from 0 to below 1');
  refuseOptions('epsilon', epsilon, epsilon > 0 && Number.isFinite(epsilon), 'a positive number');
  refuseOptions('weightDecay', weightDecay, weightDecay >= 0 && Number.isFinite(weightDecay), '0 or a positive number');
  refuseOptions('blockSize', blockSize, Number.isSafeInteger(blockSize) && blockSize > 0, 'a positive whole number');

  const hyperparameters: Record<string, JsonValue> = { algorithm, beta1, beta2, epsilon, weightDecay };
  if (algorithm === 'adamw8bit') {
    Object.assign(hyperparameters, { blockSize, smallestQuantized: smallest, secondMomentFloor: floor, ...mapHashes() });
  }
  // Maps take a while to make, and moments in f32 do without.
  const settings: UpdateSettings = {
    blockSize,
    floor,
    get signed() {
      return dynamicMap(true);
    },
    get unsigned() {
      return dynamicMap(false);
    },
  };
  const moments = new Map<string, Moments>();
  let steps = 0;

  const freshMoments = (length: number): Moments => {
    if (length < smallest) return { state1: new Float32Array(length), state2: new Float32Array(length) };
    const blocks = Math.ceil(length / blockSize);
    return {
      state1: new Uint8Array(length),
      state2: new Uint8Array(length),
      absmax1: new Float32Array(blocks),
      absmax2: new Float32Array(blocks),
    };
  };

  return {
    step(params, gradients, learningRate, { finite = false } = {}) {
      if (!Number.isFinite(learningRate) || learningRate < 0) {
        throw new NlaError('E_OPTIM_LEARNING_RATE', {
          message: 'The learning rate is unusable.',
          found: String(learningRate),
          expected: '0 or a positive number',
        });
      }
      checkParameters(params, gradients, moments, steps);
      if (!finite) for (const [name, gradient] of gradients) refuseNonFinite(name, gradient);
      steps += 1;
      const shared = {
        beta1,
        beta2,
        epsilon,
        stepSize: learningRate / (1 - beta1 ** steps),
        correction2: Math.sqrt(1 - beta2 ** steps),
      };
      const updates = [...params].map(([name, p]): ParameterUpdate => {
        let moment = moments.get(name);
        if (moment === undefined) moments.set(name, (moment = freshMoments(p.length)));
        return { p, g: gradients.get(name)!, moments: moment, keep: decays(name) ? 1 - learningRate * weightDecay : 1 };
      });
      const kernels = updateKernels();
      const changes = kernels.all?.(updates, shared, settings) ?? updates.map((update) => updateOne(kernels, update, shared, settings));
      let change = 0;
      for (let i = 0; i < changes.length; i++) change += changes[i]!;
      return Math.sqrt(change);
    },
    state() {
      const tensors = new Map<string, { shape: number[]; data: Float32Array | Uint8Array }>();
      for (const [name, arrays] of moments) {
        for (const [part, data] of Object.entries(arrays)) tensors.set(`${name}.${part}`, { shape: [data.length], data: data.slice() });
      }
      return { step: steps, tensors, hyperparameters };
    },
    restore(state) {
      for (const key of new Set([...Object.keys(hyperparameters), ...Object.keys(state.hyperparameters)])) {
        if (hyperparameters[key] === state.hyperparameters[key]) continue;
        throw cannotRestore(
          `The saved optimizer state has another ${key}.`,
          JSON.stringify(state.hyperparameters[key]) ?? 'nothing',
          JSON.stringify(hyperparameters[key]) ?? 'nothing',
        );
      }
      const restored = restoreMoments(state, smallest, blockSize);
      moments.clear();
      for (const [name, moment] of restored) moments.set(name, moment);
      steps = state.step;
    },
    bytes: (length) => (length < smallest ? 8 * length : 2 * length + 8 * Math.ceil(length / blockSize)),
  };
}

function updateOne(
  kernels: UpdateKernels,
  { p, g, moments, keep }: ParameterUpdate,
  shared: SharedFactors,
  settings: UpdateSettings,
): number {
  const factors = { ...shared, keep };
  return 'absmax1' in moments
    ? kernels.quantized(p, g, moments, factors, settings)
    : kernels.f32(p, g, moments.state1, moments.state2, factors);
}

function checkParameters(
  params: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  moments: ReadonlyMap<string, Moments>,
  steps: number,
): void {
  const fail = (message: string, found: string, expected: string): never => {
    throw new NlaError('E_OPTIM_PARAMETERS', { message, found, expected });
  };
  for (const name of gradients.keys())
    if (!params.has(name)) fail('A gradient belongs to no parameter.', name, [...params.keys()].slice(0, 3).join(', '));
  if (steps > 0) {
    for (const name of moments.keys()) if (!params.has(name)) fail('A parameter of earlier steps is missing.', 'no parameter', name);
  }
  for (const [name, parameter] of params) {
    const gradient = gradients.get(name);
    if (gradient === undefined) fail(`Parameter ${name} has no gradient.`, 'none', `${parameter.length} numbers`);
    else if (gradient.length !== parameter.length)
      fail(`The gradient of ${name} has another length.`, `${gradient.length}`, `${parameter.length}`);
    const moment = moments.get(name);
    if (moment === undefined ? steps > 0 : moment.state1.length !== parameter.length) {
      fail(
        `Parameter ${name} does not fit the optimizer's state.`,
        `${parameter.length}`,
        moment === undefined ? 'a known name' : `${moment.state1.length}`,
      );
    }
  }
}

function restoreMoments(state: OptimizerState, smallest: number, blockSize: number): Map<string, Moments> {
  if (!Number.isSafeInteger(state.step) || state.step < 0)
    throw cannotRestore('The step count is unusable.', String(state.step), 'a whole number');
  const groups = new Map<string, Map<string, Float32Array | Uint8Array>>();
  for (const [key, { data }] of state.tensors) {
    const dot = key.lastIndexOf('.');
    const name = key.slice(0, Math.max(dot, 0));
    const parts = groups.get(name) ?? new Map<string, Float32Array | Uint8Array>();
    groups.set(name, parts.set(key.slice(dot + 1), data));
  }
  const restored = new Map<string, Moments>();
  for (const [name, parts] of groups) {
    const length = parts.get('state1')?.length ?? 0;
    const quantized = length >= smallest;
    const blocks = Math.ceil(length / blockSize);
    const floats = (part: string, size: number): Float32Array => {
      const data = parts.get(part);
      if (data instanceof Float32Array && data.length === size) return data.slice();
      throw cannotRestore(`The saved ${part} of ${name} is unusable.`, describe(data), `Float32Array of ${size}`);
    };
    const codes = (part: string): Uint8Array => {
      const data = parts.get(part);
      if (data instanceof Uint8Array && data.length === length) return Uint8Array.from(data);
      throw cannotRestore(`The saved ${part} of ${name} is unusable.`, describe(data), `Uint8Array of ${length}`);
    };
    if (parts.size !== (quantized ? 4 : 2)) {
      throw cannotRestore(
        `The saved state of ${name} has the wrong parts.`,
        [...parts.keys()].join(', '),
        quantized ? 'state1, state2, absmax1, absmax2' : 'state1, state2',
      );
    }
    restored.set(
      name,
      quantized
        ? {
            state1: codes('state1'),
            state2: codes('state2'),
            absmax1: floats('absmax1', blocks),
            absmax2: floats('absmax2', blocks),
          }
        : { state1: floats('state1', length), state2: floats('state2', length) },
    );
  }
  return restored;
}

function mapHashes(): { signedMap: string; unsignedMap: string } {
  const hash = (values: Float32Array): string =>
    createHash('sha256')
      .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      .digest('hex');
  return { signedMap: hash(dynamicMap(true).values), unsignedMap: hash(dynamicMap(false).values) };
}

function describe(data: Float32Array | Uint8Array | undefined): string {
  return data === undefined ? 'nothing' : `${data.constructor.name} of ${data.length}`;
}

function cannotRestore(message: string, found: string, expected: string): NlaError {
  return new NlaError('E_OPTIM_RESTORE', {
    message,
    found,
    expected,
    fix: 'Resume with the settings of the run that was stopped, or start a new run.',
    kind: 'input',
  });
}

function refuseOptions(name: string, found: unknown, valid: boolean, expected: string): void {
  if (valid) return;
  throw new NlaError('E_OPTIM_OPTIONS', {
    message: `The optimizer's ${name} is unusable.`,
    found: JSON.stringify(found) ?? String(found),
    expected,
    kind: 'input',
  });
}
