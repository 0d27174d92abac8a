import { concat, engine, reshape, slice, tidy, util } from '@tensorflow/tfjs-core';
import type { KernelConfig, Rank, Tensor, Tensor3D } from '@tensorflow/tfjs-core';

/** Workgroups that WebGPU promises along an axis of a dispatch; the stock kernel has one layer of them, or more, for every matrix. */
const LAYERS = 65_535;

/** The stock `BatchMatMul`, called several times where there are more matrices than a dispatch has layers. */
export function withManyMatrices(stock: KernelConfig): KernelConfig {
  return {
    ...stock,
    kernelFunc: (call) => {
      // Called by tfjs, the inputs are tensors.
      const [a, b] = [call.inputs['a'], call.inputs['b']] as [Tensor, Tensor];
      const [count, other] = [a, b].map(({ shape }) => util.sizeFromShape(shape.slice(0, -2)));
      if (count === undefined || count <= LAYERS || count !== other) return stock.kernelFunc(call);
      return tidy(() => {
        const [left, right] = [a, b].map((x) => reshape<Rank.R3>(x, [count, ...x.shape.slice(-2)] as [number, number, number])) as [
          Tensor3D,
          Tensor3D,
        ];
        const parts = Array.from({ length: Math.ceil(count / LAYERS) }, (_, part): Tensor3D => {
          const cut = (x: Tensor3D): Tensor3D => slice(x, part * LAYERS, Math.min(LAYERS, count - part * LAYERS));
          return engine().runKernel('BatchMatMul', { a: cut(left), b: cut(right) }, call.attrs);
        });
        const product = concat(parts);
        return reshape(product, [...a.shape.slice(0, -2), ...product.shape.slice(1)]);
      });
    },
  };
}
