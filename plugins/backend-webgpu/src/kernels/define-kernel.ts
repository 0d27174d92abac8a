import type { KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

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
