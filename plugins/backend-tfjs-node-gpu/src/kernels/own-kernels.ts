import type { TensorInfo } from '@tensorflow/tfjs-core';
import { currentEngine, real, type AttributeValue } from '../tensorflow-engine.js';
import type { Inputs, KernelFunction } from './kernel.js';

/** Domain kernels that are one operation of ours (native/operations.cc), by name. */
export const ownKernels: ReadonlyMap<string, KernelFunction> = new Map<string, KernelFunction>([
  operation('NlaRmsNorm', 'NlakitRmsNorm', ({ x, weight = x }) => [x, weight], (attrs, { weight }) => ({
    weighted: weight === undefined ? 0 : 1,
    epsilon: real(attrs['epsilon'] as number),
  })),
  operation('NlaRmsNormGrad', 'NlakitRmsNormGrad', ({ x, weight = x, dy }) => [x, weight, dy], (attrs, { weight }) => ({
    weighted: weight === undefined ? 0 : 1,
    epsilon: real(attrs['epsilon'] as number),
  })),
  operation('NlaRope', 'NlakitRope', ({ x, cos, sin }) => [x, cos, sin], ({ inverse }) => ({ inverse: inverse === true ? 1 : 0 })),
  operation('NlaGeglu', 'NlakitGeglu', ({ gate, up }) => [gate, up]),
  operation('NlaGegluGrad', 'NlakitGegluGrad', ({ gate, up, dy }) => [gate, up, dy], () => ({}), 2),
  operation('NlaMaskedSoftmax', 'NlakitMaskedSoftmax', ({ scores, valid }) => [scores, valid], ({ window, offset }) => ({
    window: window as number,
    offset: offset as number,
  })),
  operation('NlaSoftmaxGrad', 'NlakitSoftmaxGrad', ({ y, dy }) => [y, dy]),
  operation('NlaSoftcapLogSumExp', 'NlakitSoftcapLogSumExp', ({ logits }) => [logits], ({ softcap }) => ({ softcap: real(softcap as number) })),
  operation(
    'NlaSoftcapCrossEntropyGrad',
    'NlakitSoftcapCrossEntropyGrad',
    ({ logits, targets, lse, dy }) => [logits, targets, lse, dy],
    ({ softcap }) => ({ softcap: real(softcap as number) }),
  ),
  operation('NlaNf4Unpack', 'NlakitNf4Unpack', ({ codes, absmax }) => [codes, absmax], ({ blockSize, shape }) => {
    const [rows, columns] = shape as readonly [number, number];
    return { rows, columns, block: blockSize as number, storage: 0 };
  }),
  operation('NlaRoundHalf', 'NlakitRoundHalf', ({ x }) => [x], ({ dtype }) => ({ storage: storageCode(dtype) })),
]);

/** The number that our operations know a storage dtype by. */
export function storageCode(dtype: unknown): number {
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
