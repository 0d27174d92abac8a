import { NlaError, type PackedWeight, type Quantizer } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { fromBitsandbytes, isBlockSize } from './bitsandbytes.js';
import type { Nf4Array, StorageDtype } from './nf4-array.js';
import { nf4AdaptedLinear, nf4Linear, unpackTensors, type Nf4Tensors } from './nf4-linear.js';
import { packRows } from './nf4-packer.js';

/** Settings of {@link nf4Quantizer}. */
export interface Nf4Options {
  /** Elements that share one absmax: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** Store the absmax values in 8 bits, too. Default true. */
  readonly doubleQuant?: boolean;
  /** What the products are computed in. */
  readonly computeDtype?: 'float32';
  /**
   * The dtype that unpacked values are rounded to. Default `stored`: what the checkpoint holds the weight in, as bitsandbytes does it. A
   * checkpoint that is quantised already brings its own.
   */
  readonly storageDtype?: StorageDtype | 'stored';
}

/** Names of the same dtypes in a checkpoint and in bitsandbytes' quant_state. */
const storageOf: Readonly<Record<string, StorageDtype>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/** A weight packed by {@link nf4Quantizer}, on the backend. */
export interface Nf4Weight extends PackedWeight, Nf4Tensors {
  readonly shape: readonly [out: number, inn: number];
}

/**
 * NF4 (Dettmers et al., QLoRA, 2023), bit-equal to bitsandbytes. A weight of n elements takes n/2 bytes and 4 bytes per block on the
 * backend. Throws `E_NF4_BLOCK_SIZE`; its methods `E_NF4_NOT_FINITE`, `E_NF4_STORED` and `E_WEIGHT_FOREIGN`.
 */
export function nf4Quantizer(options: Nf4Options = {}): Quantizer {
  const { blockSize = 64, doubleQuant = true, storageDtype = 'stored', computeDtype = 'float32' } = options;
  if (!isBlockSize(blockSize)) {
    throw new NlaError('E_NF4_BLOCK_SIZE', {
      message: 'NF4 has no such block size.',
      found: String(blockSize),
      expected: 'a power of two from 32 to 4096',
      kind: 'input',
    });
  }
  return {
    name: 'nf4',
    record: { quantType: 'nf4', blockSize, doubleQuant, computeDtype, storageDtype },
    bytes: ([out, inn]) => 32 * Math.ceil((out * inn) / 64) + 4 * Math.ceil((out * inn) / blockSize),
    async pack(rows, shape) {
      const storage = storageDtype === 'stored' ? (storageOf[rows.dtype ?? ''] ?? 'float32') : storageDtype;
      return uploadArray(await packRows(rows, shape, { blockSize, doubleQuant, storage }));
    },
    async packStored(stored, weightName, shape) {
      const array = await fromBitsandbytes(stored, weightName, shape);
      return array === undefined ? undefined : uploadArray(array);
    },
    unpack: (weight) => unpackTensors(nf4WeightOf(weight)),
    linear: (x, weight) => nf4Linear(x, nf4WeightOf(weight)),
    adaptedLinear: (x, weight, term) => nf4AdaptedLinear(x, nf4WeightOf(weight), term),
  };
}

/** Puts a packed weight on the current backend. `dispose` of the result frees it. */
export function uploadArray(array: Nf4Array): Nf4Weight {
  const { shape, blockSize, packed, absmax, storage } = array;
  const words = new Int32Array(packed.buffer, packed.byteOffset, packed.byteLength / 4);
  const codes = tf.keep(tf.tensor1d(words, 'int32'));
  const scales = tf.keep(tf.tensor1d(absmax, 'float32'));
  return {
    shape,
    blockSize,
    storage,
    codes,
    absmax: scales,
    bytes: 4 * (words.length + absmax.length),
    dispose() {
      codes.dispose();
      scales.dispose();
    },
  };
}

function nf4WeightOf(weight: PackedWeight): Nf4Weight {
  if ('codes' in weight && 'absmax' in weight) return weight as Nf4Weight;
  throw new NlaError('E_WEIGHT_FOREIGN', {
    message: 'The NF4 quantizer was given a weight that another quantizer packed.',
    found: Object.keys(weight).join(', '),
    fix: 'Use the quantizer that packed the weight.',
  });
}
