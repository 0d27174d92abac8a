import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import { currentEngine } from '../tensorflow-engine.js';
import type { Inputs, KernelFunction } from './kernel.js';

/** How a kernel of ours is called: its tensors in order, and its settings as `native/kernel_table.cc` has them. */
interface OwnCall {
  readonly inputs: readonly (TensorInfo | undefined)[];
  readonly integers?: readonly number[];
  readonly number?: number;
}

type Attributes = Readonly<Record<string, unknown>>;

const numberOf = (attrs: Attributes, name: string): number => attrs[name] as number;
const flag = (value: unknown): number => (value === true ? 1 : 0);
/** An input that may be absent is filled by another, and the kernel is told. */
const weighted = ({ weight }: Inputs): readonly number[] => [flag(weight !== undefined)];
const visible = (attrs: Attributes): readonly number[] => [numberOf(attrs, 'window'), numberOf(attrs, 'offset')];

/** Those of {@link ownKernels} that multiply by a packed weight: in single precision only. */
export const ownProducts: ReadonlySet<string> = new Set(['NlaNf4Linear', 'NlaNf4LinearGrad', 'NlaNf4Lora', 'NlaNf4LoraInputGrad']);

/** Domain kernels that our native module has, by name. */
export const ownKernels: ReadonlyMap<string, KernelFunction> = new Map<string, KernelFunction>([
  kernel('NlaRmsNorm', (inputs, attrs) => ({
    inputs: [inputs['x'], inputs['weight'] ?? inputs['x']],
    integers: weighted(inputs),
    number: numberOf(attrs, 'epsilon'),
  })),
  kernel('NlaRmsNormAdd', (inputs, attrs) => ({
    inputs: [inputs['residual'], inputs['x'], inputs['weight'] ?? inputs['x']],
    integers: weighted(inputs),
    number: numberOf(attrs, 'epsilon'),
  })),
  kernel('NlaRmsNormAddScaled', (inputs, attrs) => ({
    inputs: [inputs['residual'], inputs['x'], inputs['weight'] ?? inputs['x'], inputs['scale']],
    integers: weighted(inputs),
    number: numberOf(attrs, 'epsilon'),
  })),
  kernel('NlaRmsNormGrad', (inputs, attrs) => ({
    inputs: [inputs['x'], inputs['weight'] ?? inputs['x'], inputs['dy']],
    integers: weighted(inputs),
    number: numberOf(attrs, 'epsilon'),
  })),
  kernel('NlaRope', ({ x, cos, sin }, { inverse }) => ({ inputs: [x, cos, sin], integers: [flag(inverse)] })),
  kernel('NlaNormRope', ({ x, weight, cos, sin }, attrs) => ({ inputs: [x, weight, cos, sin], number: numberOf(attrs, 'epsilon') })),
  kernel('NlaNormRopeGrad', ({ x, weight, cos, sin, dy }, attrs) => ({
    inputs: [x, weight, cos, sin, dy],
    number: numberOf(attrs, 'epsilon'),
  })),
  kernel('NlaDropout', ({ x }, attrs) => ({ inputs: [x], integers: dropping(attrs) })),
  kernel('NlaGeglu', ({ gate, up }) => ({ inputs: [gate, up] })),
  kernel('NlaGegluGrad', ({ gate, up, dy }) => ({ inputs: [gate, up, dy] })),
  kernel('NlaMaskedSoftmax', ({ scores, valid }, attrs) => ({ inputs: [scores, valid], integers: visible(attrs) })),
  kernel('NlaSoftmaxGrad', ({ y, dy }) => ({ inputs: [y, dy] })),
  kernel('NlaAttention', ({ q, k, v, valid }, attrs) => ({
    inputs: [q, k, v, valid],
    integers: visible(attrs),
    number: numberOf(attrs, 'scale'),
  })),
  kernel('NlaAttentionRows', ({ q, k, v, valid }, attrs) => ({
    inputs: [q, k, v, valid],
    integers: visible(attrs),
    number: numberOf(attrs, 'scale'),
  })),
  kernel('NlaAttentionGrad', ({ q, k, v, valid, dy }, attrs) => ({
    inputs: [q, k, v, valid, dy],
    integers: visible(attrs),
    number: numberOf(attrs, 'scale'),
  })),
  kernel('NlaSoftcap', ({ x }, attrs) => ({ inputs: [x], number: numberOf(attrs, 'softcap') })),
  kernel('NlaSoftcapLogSumExp', ({ logits }, attrs) => ({ inputs: [logits], number: numberOf(attrs, 'softcap') })),
  kernel('NlaSoftcapCrossEntropyGrad', ({ logits, targets, lse, dy }, attrs) => ({
    inputs: [logits, targets, lse, dy],
    number: numberOf(attrs, 'softcap'),
  })),
  kernel('NlaLora', ({ x, base, a, b }, attrs) => ({ inputs: [x, base, a, b], number: numberOf(attrs, 'scale') })),
  kernel('NlaLoraPairGrad', ({ x, low, b, dy }, attrs) => ({ inputs: [x, low, b, dy], number: numberOf(attrs, 'scale') })),
  kernel('NlaPlainLora', ({ x, weight, a, b }, attrs) => ({
    inputs: [x, weight, a, b],
    integers: dropping(attrs),
    number: numberOf(attrs, 'scale'),
  })),
  kernel('NlaPlainLoraInputGrad', ({ dy, weight, dLow, a }, attrs) => ({ inputs: [dy, weight, dLow, a], integers: dropping(attrs) })),
  kernel('NlaNf4Unpack', ({ codes, absmax }, attrs) => ({
    inputs: [codes, absmax],
    integers: [...(attrs['shape'] as readonly number[]), numberOf(attrs, 'blockSize'), storageCode('float32')],
  })),
  kernel('NlaNf4Linear', ({ codes, absmax, x }, attrs) => ({ inputs: [codes, absmax, x], integers: packedWeight(attrs) })),
  kernel('NlaNf4LinearGrad', ({ codes, absmax, dy }, attrs) => ({ inputs: [codes, absmax, dy], integers: packedWeight(attrs) })),
  kernel('NlaNf4Lora', ({ codes, absmax, x, a, b }, attrs) => ({
    inputs: [codes, absmax, x, a, b],
    integers: [...packedWeight(attrs), ...dropping(attrs)],
    number: numberOf(attrs, 'scale'),
  })),
  kernel('NlaNf4LoraInputGrad', ({ codes, absmax, dy, dLow, a }, attrs) => ({
    inputs: [codes, absmax, dy, dLow, a],
    integers: [...packedWeight(attrs), ...dropping(attrs)],
  })),
  kernel('NlaRoundHalf', ({ x }, { dtype }) => ({ inputs: [x], integers: [storageCode(dtype)] })),
]);

function packedWeight(attrs: Attributes): readonly number[] {
  return [numberOf(attrs, 'out'), numberOf(attrs, 'inn'), numberOf(attrs, 'blockSize'), storageCode(attrs['storage'])];
}

const bitsOf = new Int32Array(1);
const floatOf = new Float32Array(bitsOf.buffer);

/** What a dropout is drawn by, and the bits of the factor of what is kept; all 0 where nothing is dropped. */
function dropping(attrs: Attributes): readonly number[] {
  const rate = numberOf(attrs, 'rate');
  if (rate === 0) return [0, 0, 0, 0];
  // Dropped is what hashes below rate * 2^32; the native module takes 32 bits with a sign.
  const limit = Math.min(2 ** 32 - 1, Math.ceil(rate * 2 ** 32)) | 0;
  floatOf[0] = 1 / (1 - rate);
  return [limit, numberOf(attrs, 'low'), numberOf(attrs, 'high'), bitsOf[0] as number];
}

/** The number that our kernels know a storage dtype by. */
function storageCode(dtype: unknown): number {
  return ['float32', 'bfloat16', 'float16'].indexOf(dtype as string);
}

function kernel(name: string, call: (inputs: Inputs, attrs: Attributes) => OwnCall): [string, KernelFunction] {
  return [
    name,
    ({ inputs, attrs }) => {
      const { inputs: ordered, integers, number } = call(inputs, attrs);
      const made = currentEngine().compute(name, ordered as readonly TensorInfo[], integers, number);
      return made.length === 1 ? (made[0] as Tensor) : made;
    },
  ];
}
