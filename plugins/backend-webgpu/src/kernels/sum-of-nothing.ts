import { backend_util, util } from '@tensorflow/tfjs-core';
import type { KernelConfig } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { sizeOf } from '@nlakit/ops/operands';

/** The stock `Sum`, which divides by the number of elements to find its shape, and zeros for arrays that have none. */
export function withSumOfNothing(stock: KernelConfig): KernelConfig {
  return {
    ...stock,
    kernelFunc: (call) => {
      const { x } = call.inputs;
      if (x === undefined || x.dtype !== 'float32' || sizeOf(x) > 0) return stock.kernelFunc(call);
      const backend = call.backend as WebGPUBackend;
      const attrs = call.attrs ?? {};
      const axes = util.parseAxisParam(attrs['axis'] as number | number[], x.shape);
      const [reduced] = backend_util.computeOutAndReduceShapes(x.shape, axes);
      const shape = attrs['keepDims'] === true ? backend_util.expandShapeToKeepDim(reduced, axes) : reduced;
      return backend.makeTensorInfo(shape, 'float32', new Float32Array(util.sizeFromShape(shape)));
    },
  };
}
