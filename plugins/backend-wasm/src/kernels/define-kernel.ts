import { util } from '@tensorflow/tfjs-core';
import type { DataType, KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { NlaError } from '@nlakit/core';
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

/** Number of elements. */
export function sizeOf(tensor: TensorInfo): number {
  return util.sizeFromShape(tensor.shape);
}

/** An input that must be there, with that dtype. Throws `E_KERNEL_INPUT`. */
export function input(call: WasmCall, kernel: string, name: string, dtype: 'float32' | 'int32' = 'float32'): TensorInfo {
  const tensor = call.inputs[name];
  if (tensor?.dtype !== dtype) {
    throw new NlaError('E_KERNEL_INPUT', {
      message: `${kernel} needs the input ${name}.`,
      found: tensor === undefined ? 'no such input' : `a tensor of ${tensor.dtype}`,
      expected: `a tensor of ${dtype}`,
      fix: 'Call it through @nlakit/ops, or cast the tensor.',
    });
  }
  return tensor;
}

/** The last dimension and the number of rows before it; a scalar is one row of one. */
export function rowsOf(tensor: TensorInfo): { readonly rows: number; readonly width: number } {
  const width = tensor.shape[tensor.shape.length - 1] ?? 1;
  return { rows: width === 0 ? 0 : sizeOf(tensor) / width, width };
}

/** Throws `E_KERNEL_SHAPE` unless `holds`: the kernels address memory by shape, so a wrong one must not get that far. */
export function requireShape(holds: boolean, kernel: string, found: Readonly<Record<string, readonly number[]>>, expected: string): void {
  if (holds) return;
  throw new NlaError('E_KERNEL_SHAPE', {
    message: `${kernel} got tensors whose shapes do not belong together.`,
    found: Object.entries(found)
      .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
      .join(', '),
    expected,
    fix: 'Call it through @nlakit/ops, which builds these shapes.',
  });
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
