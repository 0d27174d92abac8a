import * as tf from '@tensorflow/tfjs-core';
import type { DataId, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { OpAttribute, RawTensor } from './binding.js';
import type { NodeKernelBackend, TensorEntry } from './generated/node-kernel-backend.mjs';
import type { NativeModules } from './load-modules.js';

/** A value of an attribute of an operation whose kind says its type. */
export type AttributeValue = number | boolean | { readonly dtype: number };

/** tfjs-node's backend with what we need besides: raw operations, an account of bytes, and constants that stay. */
export interface TensorflowEngine {
  readonly backend: NodeKernelBackend;
  readonly modules: NativeModules;
  readonly account: { liveBytes: number; peakBytes: number };
  /** Runs a kernel of our native module on tensors; what its settings mean says `native/kernel_table.cc`. */
  compute(kernel: string, inputs: readonly TensorInfo[], integers?: readonly number[], number?: number): Tensor[];
  /** The same with a result that becomes no tensor: a handle, counted until {@link release}. */
  computeRaw(kernel: string, inputs: readonly TensorInfo[], integers?: readonly number[]): RawTensor;
  /** Runs an operation of TensorFlow on handles; the result is a handle, counted until {@link release}. */
  raw(name: string, inputs: readonly number[], attributes?: Readonly<Record<string, AttributeValue>>): RawTensor;
  /** Handle of a tensor; it lives as long as the tensor. */
  handle(tensor: TensorInfo): number;
  /** Makes a handle a tensor, which then owns it. */
  wrap(raw: RawTensor): Tensor;
  release(raw: RawTensor): void;
  /** A handle derived from a tensor and made once: the one kept with it, or what `make` returns. Freed with the tensor. */
  derived(tensor: TensorInfo, make: () => RawTensor): RawTensor;
  /** A small int32 tensor that is made once and stays: shapes, axes, orders. */
  constant(values: readonly number[], scalar?: boolean): number;
}

const bytesOfDtype: Readonly<Record<number, number>> = { 1: 4, 3: 4, 4: 1, 8: 8, 9: 8, 10: 1, 14: 2, 19: 2 };

/** Bytes of a handle. */
function rawBytes({ shape, dtype }: { readonly shape: readonly number[]; readonly dtype: number }): number {
  let bytes = bytesOfDtype[dtype] ?? 4;
  for (let axis = 0; axis < shape.length; axis++) bytes *= shape[axis] as number;
  return bytes;
}

/**
 * A store of the entries of tensors as properties of their data ids. tfjs keeps them in a WeakMap, a look-up and work for the garbage
 * collector for each of the hundreds of tensors that a token or a step makes.
 */
function createEntries() {
  // A key of its own: a tensor of another backend, or of one that is gone, has no entry here.
  const key = Symbol('entry');
  type Keyed = { [key]?: TensorEntry };
  return {
    get: (dataId: Keyed) => dataId[key],
    has: (dataId: Keyed) => dataId[key] !== undefined,
    set(dataId: Keyed, entry: TensorEntry) {
      dataId[key] = entry;
    },
    delete(dataId: Keyed): boolean {
      const present = dataId[key] !== undefined;
      delete dataId[key];
      return present;
    },
  };
}

/** Puts the account and the helpers on a backend. Every entry of its tensor map is counted once, from its making to its removal. */
export function createEngine(backend: NodeKernelBackend, modules: NativeModules): TensorflowEngine {
  const { binding } = backend;
  const account = { liveBytes: 0, peakBytes: 0 };
  const count = (bytes: number): void => {
    account.liveBytes += bytes;
    if (account.liveBytes > account.peakBytes) account.peakBytes = account.liveBytes;
  };
  const map = backend.tensorMap;
  const entries = createEntries();
  (map as unknown as { data: typeof entries }).data = entries;
  const set = map.set.bind(map);
  const remove = map.delete.bind(map);
  const kept = new Map<DataId, RawTensor>();
  map.set = (dataId: DataId, entry: TensorEntry) => {
    count(rawBytes(entry));
    return set(dataId, entry);
  };
  map.delete = (dataId: DataId) => {
    account.liveBytes -= rawBytes(map.get(dataId));
    const companion = kept.get(dataId);
    if (companion !== undefined) {
      kept.delete(dataId);
      release(companion);
    }
    return remove(dataId);
  };

  const release = (raw: RawTensor): void => {
    account.liveBytes -= rawBytes(raw);
    binding.deleteTensor(raw.id);
  };

  const constants = new Map<string, number>();
  const constant = (values: readonly number[], scalar = false): number => {
    const key = `${scalar}:${values.join()}`;
    const known = constants.get(key);
    if (known !== undefined) return known;
    // Slices have endless many places; what is kept must not grow without end.
    if (constants.size >= 4096) {
      for (const id of constants.values()) binding.deleteTensor(id);
      constants.clear();
    }
    const made = binding.createTensor(scalar ? [] : [values.length], binding.TF_INT32, Int32Array.from(values));
    constants.set(key, made);
    return made;
  };

  const places = new Map(modules.addon?.kernels().map((name, place) => [name, place]));
  const exchange = new Int32Array(4096);
  /** Writes settings and tensors into `exchange` and calls the kernel, which leaves there what it made. */
  const call = (kernel: string, inputs: readonly TensorInfo[], integers: readonly number[], number: number): void => {
    const place = places.get(kernel);
    if (place === undefined || modules.addon === undefined) throw new Error(`the native module has no kernel ${kernel}`);
    let at = 0;
    for (; at < integers.length; at++) exchange[at] = integers[at] as number;
    for (const input of inputs) {
      const entry = entries.get(input.dataId);
      // A tensor whose values are still on the host is uploaded on the way.
      const known = entry !== undefined && entry.values === null;
      exchange[at++] = known ? entry.id : (backend.getInputTensorIds([input])[0] as number);
    }
    modules.addon.compute(place, number, integers.length, inputs.length, exchange);
  };
  /** What a kernel has left in `exchange`, made tensors or whatever `finish` makes of a handle. */
  const made = <Result>(finish: (raw: RawTensor) => Result): Result[] => {
    const results: Result[] = [];
    const count = exchange[0] as number;
    for (let at = 1, index = 0; index < count; index++) {
      const [id, dtype, rank] = [exchange[at] as number, exchange[at + 1] as number, exchange[at + 2] as number];
      at += 3;
      const shape: number[] = [];
      for (const end = at + rank; at < end; at++) shape.push(exchange[at] as number);
      results.push(finish({ id, dtype, shape }));
    }
    return results;
  };
  const asTensor = (raw: RawTensor): Tensor => backend.createOutputTensor(raw);
  const asRaw = (raw: RawTensor): RawTensor => raw;

  const attributeOf = (name: string, value: AttributeValue): OpAttribute => {
    if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === 'number') return { name, type: binding.TF_ATTR_INT, value };
    return { name, type: binding.TF_ATTR_TYPE, value: value.dtype };
  };
  return {
    backend,
    modules,
    account,
    constant,
    compute(kernel, inputs, integers = [], number = 0) {
      call(kernel, inputs, integers, number);
      return made(asTensor);
    },
    computeRaw(kernel, inputs, integers = []) {
      call(kernel, inputs, integers, 0);
      const [raw] = made(asRaw) as [RawTensor];
      count(rawBytes(raw));
      return raw;
    },
    raw(name, inputs, attributes = {}) {
      const listed = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
      const [made] = binding.executeOp(name, listed, inputs, 1) as [RawTensor];
      count(rawBytes(made));
      return made;
    },
    handle: (tensor) => backend.getInputTensorIds([tensor])[0] as number,
    wrap(raw) {
      account.liveBytes -= rawBytes(raw);
      return backend.createOutputTensor(raw);
    },
    release,
    derived({ dataId }, make) {
      const known = kept.get(dataId);
      if (known !== undefined) return known;
      const made = make();
      count(rawBytes(made));
      kept.set(dataId, made);
      return made;
    },
  };
}

const engines = Symbol.for('nlakit.backend-tfjs-node-gpu.engine');

/** The engine on the current tfjs backend `tensorflow`. */
export function currentEngine(): TensorflowEngine {
  return engineOf(tf.engine().findBackend('tensorflow'));
}

/** The engine on a backend. A symbol, so that two copies of this package find the same. */
export function engineOf(backend: object): TensorflowEngine {
  const engine = (backend as { [engines]?: TensorflowEngine })[engines];
  if (engine === undefined) throw new Error('the tfjs backend "tensorflow" was not made by @nlakit/backend-tfjs-node-gpu');
  return engine;
}

/** Keeps an engine on its backend. */
export function attachEngine(engine: TensorflowEngine): void {
  Object.defineProperty(engine.backend, engines, { value: engine });
}
