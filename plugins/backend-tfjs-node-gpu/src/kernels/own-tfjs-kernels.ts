import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import type { TensorInfo, Tensor } from '@tensorflow/tfjs-core';
import { currentEngine } from '../tensorflow-engine.js';
import type { KernelFunction } from './kernel.js';
import { fullShape } from './moving-kernels.js';

/** Tensors that a call takes or makes at most: what is said of them goes through an exchange of 4096 numbers. */
const mostTensors = 400;

/** A kernel of tfjs by our native module; `undefined` where it cannot, and tfjs-node's own is to run. */
type Attempt = (call: Parameters<KernelFunction>[0]) => Tensor[] | undefined;

/**
 * The kernels of tfjs that a model calls all the time, by our native module: a call of an operation of TensorFlow takes some fifteen
 * microseconds, which is more than most of these take in a small model.
 */
const attempts: ReadonlyMap<string, Attempt> = new Map<string, Attempt>([
  [
    'BatchMatMul',
    ({ inputs: { a, b }, attrs: { transposeA, transposeB } }) => {
      if (a?.dtype !== 'float32' || b?.dtype !== 'float32') return undefined;
      const [left, right] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
      const single = (batch: readonly number[]): boolean => batch.every((extent) => extent === 1);
      // Batches that are broadcast in part.
      if (left.join() !== right.join() && !single(left) && !single(right)) return undefined;
      return currentEngine().compute('BatchMatMul', [a, b], [transposeA === true ? 1 : 0, transposeB === true ? 1 : 0]);
    },
  ],
  ['Add', elementwise('Add')],
  ['Sub', elementwise('Sub')],
  ['Multiply', elementwise('Multiply')],
  [
    'Reshape',
    ({ inputs: { x }, attrs: { shape } }) => {
      if (x === undefined || x.dtype === 'string') return undefined;
      return currentEngine().compute('Reshape', [x], fullShape(x, shape as readonly number[]));
    },
  ],
  [
    'Transpose',
    ({ inputs: { x }, attrs: { perm } }) => {
      const order = perm as readonly number[];
      // An order that names an axis twice would read beyond the tensor; TensorFlow refuses it.
      if (!isMoved(x) || new Set(order).size !== order.length) return undefined;
      return currentEngine().compute('Transpose', [x], order);
    },
  ],
  [
    'Concat',
    ({ inputs, attrs: { axis } }) => {
      const parts = Object.values(inputs);
      const [first] = parts;
      if (!isMoved(first) || parts.length > mostTensors || !parts.every(({ dtype }) => dtype === first.dtype)) return undefined;
      const [along] = util.parseAxisParam(axis as number, [...first.shape]) as [number];
      return currentEngine().compute('Concat', parts, [along]);
    },
  ],
  [
    'SplitV',
    ({ inputs: { x }, attrs: { numOrSizeSplits, axis } }) => {
      if (!isMoved(x)) return undefined;
      const [along] = util.parseAxisParam(axis as number, [...x.shape]) as [number];
      const sizes = backend_util.prepareSplitSize(x, numOrSizeSplits as number | number[], along);
      return sizes.length > mostTensors ? undefined : currentEngine().compute('SplitV', [x], [along, ...sizes]);
    },
  ],
  [
    'Slice',
    ({ inputs: { x }, attrs: { begin, size } }) => {
      if (!isMoved(x)) return undefined;
      const [from, extents] = slice_util.parseSliceParams(x, begin as number[], size as number[]) as [number[], number[]];
      return currentEngine().compute('Slice', [x], [...from, ...extents]);
    },
  ],
  [
    'GatherV2',
    ({ inputs: { x, indices }, attrs: { axis, batchDims } }) => {
      if (!isMoved(x) || indices?.dtype !== 'int32' || axis !== 0 || batchDims !== 0) return undefined;
      return currentEngine().compute('GatherV2', [x, indices]);
    },
  ],
]);

/** Those kernels, each with what takes over where ours cannot. `stockOf` names tfjs-node's. */
export function ownTfjsKernels(stockOf: (name: string) => KernelFunction): [string, KernelFunction][] {
  return [...attempts].map(([name, attempt]) => {
    const stock = stockOf(name);
    return [
      name,
      (call) => {
        const made = attempt(call);
        if (made === undefined) return stock(call);
        return name === 'SplitV' ? made : (made[0] as Tensor);
      },
    ];
  });
}

function elementwise(name: string): Attempt {
  return ({ inputs: { a, b } }) => (a?.dtype === 'float32' && b?.dtype === 'float32' ? currentEngine().compute(name, [a, b]) : undefined);
}

/** Whether our kernels move values of this type. */
function isMoved(x: TensorInfo | undefined): x is TensorInfo {
  return x?.dtype === 'float32' || x?.dtype === 'int32';
}
