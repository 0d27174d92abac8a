import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * Identity: the same data under another tensor, counted. tfjs clones every tensor that a gradient will read, and the stock kernel copies
 * each of them; nothing ever writes into a tensor, so sharing is what the other backends do.
 */
export const identity: WasmKernel = { name: 'Identity', run: (call) => shared(call) ?? call.stock() };

/** Cast. To the dtype a tensor has already, as gradients of products do, it is an {@link identity}; the stock kernel copies. */
export const cast: WasmKernel = {
  name: 'Cast',
  run: (call) => (call.inputs['x']?.dtype === call.attrs['dtype'] ? shared(call) : undefined) ?? call.stock(),
};

function shared({ engine, inputs }: WasmCall): TensorInfo | undefined {
  const { x } = inputs;
  if (x === undefined || x.dtype === 'string') return undefined;
  engine.backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}
