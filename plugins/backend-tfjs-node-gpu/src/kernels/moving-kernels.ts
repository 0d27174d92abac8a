import type { TensorInfo } from '@tensorflow/tfjs-core';
import { currentEngine } from '../tensorflow-engine.js';
import type { KernelFunction } from './kernel.js';

/**
 * Kernels that only rename or move values, as tfjs-node has them but for its detours: it makes a tensor for every shape, axis and order,
 * uses it once and frees it. For a GPU and stock installations; elsewhere our native module does it.
 */
export const movingKernels: ReadonlyMap<string, KernelFunction> = new Map<string, KernelFunction>([
  [
    'Reshape',
    ({ inputs: { x }, attrs: { shape } }) => {
      const engine = currentEngine();
      const wanted = fullShape(x as TensorInfo, shape as readonly number[]);
      const dtype = engine.backend.tensorMap.get((x as TensorInfo).dataId).dtype;
      const raw = engine.raw('Reshape', [engine.handle(x as TensorInfo), engine.constant(wanted)], {
        T: { dtype },
        Tshape: { dtype: engine.backend.binding.TF_INT32 },
      });
      return engine.wrap(raw);
    },
  ],
  [
    'Transpose',
    ({ inputs: { x }, attrs: { perm } }) => {
      const engine = currentEngine();
      const dtype = engine.backend.tensorMap.get((x as TensorInfo).dataId).dtype;
      const raw = engine.raw('Transpose', [engine.handle(x as TensorInfo), engine.constant(perm as readonly number[])], {
        T: { dtype },
        Tperm: { dtype: engine.backend.binding.TF_INT32 },
      });
      return engine.wrap(raw);
    },
  ],
]);

/** The shape with the one extent filled in that may be -1. */
export function fullShape(x: TensorInfo, shape: readonly number[]): number[] {
  const size = x.shape.reduce((product, extent) => product * extent, 1);
  const rest = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  return shape.map((extent) => (extent === -1 ? size / rest : extent));
}
