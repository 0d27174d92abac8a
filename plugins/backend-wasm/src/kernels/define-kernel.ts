import type { DataType, KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, findEngine, moduleOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';

/** What a kernel of ours is called with. */
export interface WasmCall {
  readonly engine: WasmEngine;
  readonly inputs: NamedTensorInfoMap;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Calls the kernel of tfjs that this one replaces. */
  readonly stock: () => TensorInfo | TensorInfo[];
}

/** A kernel of ours before it is registered. */
export interface WasmKernel {
  readonly name: string;
  readonly run: (call: WasmCall) => TensorInfo | TensorInfo[];
}

/** Makes the tfjs registration of a kernel; `stock` is the registration it replaces. */
export function kernelConfig(kernel: WasmKernel, stock: KernelConfig | undefined): KernelConfig {
  return {
    ...stock,
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: (parameters) => {
      const engine = findEngine(parameters.backend);
      const callStock = () => {
        if (stock === undefined) throw new Error(`${kernel.name} was called on a wasm backend that nlakit did not set up`);
        return stock.kernelFunc(parameters);
      };
      if (engine === undefined) return callStock();
      const attrs = (parameters.attrs ?? {}) as unknown as Readonly<Record<string, unknown>>;
      return kernel.run({ engine, inputs: parameters.inputs, attrs, stock: callStock });
    },
  };
}

/** A new float32 tensor and its address. */
export function output(engine: WasmEngine, shape: readonly number[]): { readonly tensor: TensorInfo; readonly address: number } {
  return outputOf(engine, shape, 'float32');
}

/** A new tensor of that dtype and its address. */
export function outputOf(
  engine: WasmEngine,
  shape: readonly number[],
  dtype: DataType,
): { readonly tensor: TensorInfo; readonly address: number } {
  const tensor = engine.backend.makeOutput([...shape], dtype);
  return { tensor, address: addressOf(engine, tensor) };
}

/** New float32 tensors and their addresses. If the heap is full, none of them is left. */
export function outputs(
  engine: WasmEngine,
  shapes: readonly (readonly number[])[],
): { readonly tensors: TensorInfo[]; readonly addresses: number[] } {
  const tensors: TensorInfo[] = [];
  try {
    for (const shape of shapes) tensors.push(output(engine, shape).tensor);
  } catch (error) {
    disposeAll(engine, tensors);
    throw error;
  }
  return { tensors, addresses: tensors.map((tensor) => addressOf(engine, tensor)) };
}

/** Calls `body` with the address of `bytes` of the heap, which are free again afterwards. */
export function withHeap<Result>(engine: WasmEngine, bytes: number, body: (address: number) => Result): Result {
  const module = moduleOf(engine.backend);
  const address = module._malloc(bytes);
  try {
    return body(address);
  } finally {
    module._free(address);
  }
}

/** Frees tensors that no caller has seen. */
function disposeAll(engine: WasmEngine, tensors: readonly TensorInfo[]): void {
  for (const { dataId } of tensors) engine.backend.disposeData(dataId);
}
