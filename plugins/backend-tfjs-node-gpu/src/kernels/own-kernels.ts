import type { TensorInfo } from '@tensorflow/tfjs-core';
import { currentEngine, real, type AttributeValue } from '../tensorflow-engine.js';
import type { Inputs, KernelFunction } from './kernel.js';

/** tfjs-node's product, for what ours does not do: batches that are broadcast in part. */
let stockProduct: KernelFunction | undefined;

/** Products by our own operation; `stock` is what takes over where it cannot. */
export function ownProduct(stock: KernelFunction): KernelFunction {
  stockProduct = stock;
  return product;
}

const product: KernelFunction = (call) => {
  const { a, b } = call.inputs as Record<string, TensorInfo>;
  const [left, right] = [batchOf(a as TensorInfo), batchOf(b as TensorInfo)];
  const single = (batch: readonly number[]): boolean => batch.every((extent) => extent === 1);
  const simple = left.join() === right.join() || single(left) || single(right);
  if (!simple || a?.dtype !== 'float32' || b?.dtype !== 'float32') return (stockProduct as KernelFunction)(call);
  const { transposeA, transposeB } = call.attrs;
  const attributes = { transpose_a: transposeA === true ? 1 : 0, transpose_b: transposeB === true ? 1 : 0 };
  return currentEngine().run('NlakitMatMul', [a, b], attributes)[0] as TensorInfo;
};

function batchOf({ shape }: TensorInfo): readonly number[] {
  return shape.slice(0, -2);
}

/** Domain kernels that are one operation of ours (native/operations.cc), by name. */
export const ownKernels: ReadonlyMap<string, KernelFunction> = new Map<string, KernelFunction>([
  operation(
    'NlaRmsNorm',
    'NlakitRmsNorm',
    ({ x, weight = x }) => [x, weight],
    (attrs, { weight }) => ({
      weighted: weight === undefined ? 0 : 1,
      epsilon: real(attrs['epsilon'] as number),
    }),
  ),
  operation(
    'NlaRmsNormGrad',
    'NlakitRmsNormGrad',
    ({ x, weight = x, dy }) => [x, weight, dy],
    (attrs, { weight }) => ({
      weighted: weight === undefined ? 0 : 1,
      epsilon: real(attrs['epsilon'] as number),
    }),
  ),
  operation(
    'NlaRope',
    'NlakitRope',
    ({ x, cos, sin }) => [x, cos, sin],
    ({ inverse }) => ({ inverse: inverse === true ? 1 : 0 }),
  ),
  operation('NlaGeglu', 'NlakitGeglu', ({ gate, up }) => [gate, up]),
  operation(
    'NlaGegluGrad',
    'NlakitGegluGrad',
    ({ gate, up, dy }) => [gate, up, dy],
    () => ({}),
    2,
  ),
  operation(
    'NlaMaskedSoftmax',
    'NlakitMaskedSoftmax',
    ({ scores, valid }) => [scores, valid],
    ({ window, offset }) => ({
      window: window as number,
      offset: offset as number,
    }),
  ),
  operation('NlaSoftmaxGrad', 'NlakitSoftmaxGrad', ({ y, dy }) => [y, dy]),
  operation(
    'NlaSoftcapLogSumExp',
    'NlakitSoftcapLogSumExp',
    ({ logits }) => [logits],
    ({ softcap }) => ({ softcap: real(softcap as number) }),
  ),
  operation(
    'NlaSoftcapCrossEntropyGrad',
    'NlakitSoftcapCrossEntropyGrad',
    ({ logits, targets, lse, dy }) => [logits, targets, lse, dy],
    ({ softcap }) => ({ softcap: real(softcap as number) }),
  ),
  operation(
    'NlaLoraUp',
    'NlakitLoraUp',
    ({ base, low, b }) => [base, low, b],
    ({ scale }) => ({ scale: real(scale as number) }),
  ),
  operation(
    'NlaLoraUpGrad',
    'NlakitLoraUpGrad',
    ({ dy, low, b }) => [dy, low, b],
    ({ scale }) => ({ scale: real(scale as number) }),
    2,
  ),
  operation(
    'NlaNf4Unpack',
    'NlakitNf4Unpack',
    ({ codes, absmax }) => [codes, absmax],
    ({ blockSize, shape }) => {
      const [rows, columns] = shape as readonly [number, number];
      return { rows, columns, block: blockSize as number, storage: 0 };
    },
  ),
  operation('NlaNf4Linear', 'NlakitNf4Linear', ({ codes, absmax, x }) => [codes, absmax, x], weightAttributes),
  operation('NlaNf4LinearGrad', 'NlakitNf4LinearGrad', ({ codes, absmax, dy }) => [codes, absmax, dy], weightAttributes),
  operation(
    'NlaRoundHalf',
    'NlakitRoundHalf',
    ({ x }) => [x],
    ({ dtype }) => ({ storage: storageCode(dtype) }),
  ),
]);

function weightAttributes({ out, inn, blockSize, storage }: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  return { out: out as number, in: inn as number, block: blockSize as number, storage: storageCode(storage) };
}

/** The number that our operations know a storage dtype by. */
function storageCode(dtype: unknown): number {
  return ['float32', 'bfloat16', 'float16'].indexOf(dtype as string);
}

function operation(
  kernel: string,
  name: string,
  order: (inputs: Inputs) => readonly (TensorInfo | undefined)[],
  attributes: (attrs: Readonly<Record<string, unknown>>, inputs: Inputs) => Readonly<Record<string, AttributeValue>> = () => ({}),
  outputs = 1,
): [string, KernelFunction] {
  return [
    kernel,
    ({ inputs, attrs }) => {
      const made = currentEngine().run(name, order(inputs) as readonly TensorInfo[], attributes(attrs, inputs), outputs);
      return outputs === 1 ? (made[0] as TensorInfo) : made;
    },
  ];
}
