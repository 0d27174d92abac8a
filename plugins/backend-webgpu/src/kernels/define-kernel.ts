import { util } from '@tensorflow/tfjs-core';
import type { DataType, KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { NlaError } from '@nlakit/core';

/** What a kernel of ours is called with. */
export interface WebgpuCall {
  readonly backend: WebGPUBackend;
  readonly inputs: NamedTensorInfoMap;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** A kernel of ours before it is registered. */
export interface WebgpuKernel {
  readonly name: string;
  readonly run: (call: WebgpuCall) => TensorInfo | TensorInfo[];
}

/** Makes the tfjs registration of a kernel. */
export function kernelConfig({ name, run }: WebgpuKernel): KernelConfig {
  return {
    kernelName: name,
    backendName: 'webgpu',
    kernelFunc: ({ inputs, backend, attrs }) => run({ backend: backend as WebGPUBackend, inputs, attrs: attrs ?? {} }),
  };
}

/** Number of elements. */
export function sizeOf(tensor: TensorInfo): number {
  return util.sizeFromShape(tensor.shape);
}

/** An input that must be there, with that dtype. Throws `E_KERNEL_INPUT`. */
export function input(call: WebgpuCall, kernel: string, name: string, dtype: DataType = 'float32'): TensorInfo {
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
