import { NF4_VALUES } from '@nlakit/ops';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import { BFLOAT16, type RawTensor } from '../binding.js';
import { currentEngine, type TensorflowEngine } from '../tensorflow-engine.js';
import type { KernelFunction, KernelSetting } from './kernel.js';

interface Nf4Attributes {
  readonly blockSize: number;
  readonly out: number;
  readonly inn: number;
  readonly storage: 'float32' | 'bfloat16' | 'float16';
}

/**
 * Domain kernels as chains of TensorFlow's own operations on handles: nothing in between becomes a tensor, so half precision can be used,
 * and what is not needed any more is freed at once. The same on CPU and GPU; with `own`, our kernel does the unpacking.
 */
export function rawKernels(setting: KernelSetting): [string, KernelFunction][] {
  const product =
    (side: 'x' | 'dy'): KernelFunction =>
    ({ inputs, attrs }) => {
      const { codes, absmax, [side]: left } = inputs as Record<string, TensorInfo>;
      const weight = { codes: codes as TensorInfo, absmax: absmax as TensorInfo, attributes: attrs as unknown as Nf4Attributes };
      return nf4Product(currentEngine(), left as TensorInfo, weight, side === 'x', setting);
    };
  const products: [string, KernelFunction][] = [
    ['NlaNf4Linear', product('x')],
    ['NlaNf4LinearGrad', product('dy')],
  ];
  if (!setting.own) return [...products, ['NlaNf4Unpack', stockUnpack], ['NlaRoundHalf', stockRoundHalf]];
  return setting.multiply === 'bf16' ? products : [];
}

function nf4Product(
  engine: TensorflowEngine,
  left: TensorInfo,
  { codes, absmax, attributes }: { readonly codes: TensorInfo; readonly absmax: TensorInfo; readonly attributes: Nf4Attributes },
  transposed: boolean,
  { multiply, own }: KernelSetting,
): Tensor {
  const { TF_FLOAT } = engine.backend.binding;
  const { blockSize, out, inn, storage } = attributes;
  const half = multiply === 'bf16';
  let weight: RawTensor;
  if (own) {
    weight = engine.computeRaw('NlaNf4UnpackToBfloat16', [codes, absmax], [out, inn, blockSize]);
  } else {
    weight = rounded(engine, unpackedByStock(engine, codes, absmax, { blockSize, rows: out, columns: inn }), storage);
    if (half) weight = consumed(engine, weight, castTo(engine, weight, BFLOAT16));
  }
  const x: RawTensor = { id: engine.handle(left), shape: left.shape, dtype: TF_FLOAT };
  const narrow = half ? castTo(engine, x, BFLOAT16) : undefined;
  const y = engine.raw('MatMul', [(narrow ?? x).id, weight.id], {
    transpose_a: false,
    transpose_b: transposed,
    T: { dtype: half ? BFLOAT16 : TF_FLOAT },
  });
  engine.release(weight);
  if (narrow === undefined) return engine.wrap(y);
  engine.release(narrow);
  return engine.wrap(consumed(engine, y, castTo(engine, y, TF_FLOAT)));
}

/** The second, the first being freed. */
function consumed(engine: TensorflowEngine, used: RawTensor, made: RawTensor): RawTensor {
  engine.release(used);
  return made;
}

function castTo(engine: TensorflowEngine, { id, dtype }: RawTensor, wanted: number): RawTensor {
  return engine.raw('Cast', [id], { SrcT: { dtype }, DstT: { dtype: wanted }, Truncate: false });
}

function reshaped(engine: TensorflowEngine, { id, dtype }: RawTensor, shape: readonly number[]): RawTensor {
  const { TF_INT32 } = engine.backend.binding;
  return engine.raw('Reshape', [id, engine.constant(shape)], { T: { dtype }, Tshape: { dtype: TF_INT32 } });
}

/** Packed bytes as unsigned bytes, which on a GPU lie on the device, where whole numbers of 32 bits do not. */
function packedBytes(engine: TensorflowEngine, codes: TensorInfo): RawTensor {
  return engine.derived(codes, () => {
    const { binding } = engine.backend;
    const words = engine.backend.readSync(codes.dataId) as Int32Array;
    const shape = [words.byteLength];
    // A copy: the binding may keep the memory it is given.
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice();
    return { id: binding.createTensor(shape, binding.TF_UINT8, bytes), shape, dtype: binding.TF_UINT8 };
  });
}

/** `[256, 2]`: the two values of every byte, high nibble first. */
const pairValues = Float32Array.from({ length: 512 }, (_, at) => NF4_VALUES[(at & 1) === 0 ? at >> 5 : (at >> 1) & 15] ?? 0);
let pairs: { readonly engine: TensorflowEngine; readonly id: number } | undefined;

function unpackedByStock(
  engine: TensorflowEngine,
  codes: TensorInfo,
  absmax: TensorInfo,
  { blockSize, rows, columns }: { readonly blockSize: number; readonly rows: number; readonly columns: number },
): RawTensor {
  const { binding } = engine.backend;
  const { TF_FLOAT, TF_INT32 } = binding;
  if (pairs?.engine !== engine) pairs = { engine, id: binding.createTensor([256, 2], TF_FLOAT, pairValues.slice()) };
  const scales = absmax.shape[0] ?? 0;
  const bytes = packedBytes(engine, codes);
  const index = castTo(engine, bytes, TF_INT32);
  const values = consumed(
    engine,
    index,
    engine.raw('GatherV2', [pairs.id, index.id, engine.constant([0], true)], {
      batch_dims: 0,
      Tparams: { dtype: TF_FLOAT },
      Tindices: { dtype: TF_INT32 },
      Taxis: { dtype: TF_INT32 },
    }),
  );
  const count = rows * columns;
  const whole = scales * blockSize;
  const length = bytes.shape[0]! * 2;
  // Codes are padded to whole words and the last block may be short: both are brought to `scales` blocks.
  const flat = consumed(engine, values, reshaped(engine, values, [length]));
  const even = length === whole ? flat : consumed(engine, flat, resized(engine, flat, length, whole));
  const blocks = consumed(engine, even, reshaped(engine, even, [scales, blockSize]));
  const column = reshaped(engine, { id: engine.handle(absmax), shape: [scales], dtype: TF_FLOAT }, [scales, 1]);
  const scaled = consumed(engine, blocks, engine.raw('Mul', [blocks.id, column.id], { T: { dtype: TF_FLOAT } }));
  engine.release(column);
  const line = consumed(engine, scaled, reshaped(engine, scaled, [whole]));
  const exact = whole === count ? line : consumed(engine, line, resized(engine, line, whole, count));
  return consumed(engine, exact, reshaped(engine, exact, [rows, columns]));
}

/** A vector cut or filled with zeros to a length. */
function resized(engine: TensorflowEngine, { id, dtype }: RawTensor, length: number, wanted: number): RawTensor {
  const { binding } = engine.backend;
  const index = { dtype: binding.TF_INT32 };
  if (wanted < length) return engine.raw('Slice', [id, engine.constant([0]), engine.constant([wanted])], { T: { dtype }, Index: index });
  const padding = binding.createTensor([1, 2], binding.TF_INT32, Int32Array.of(0, wanted - length));
  const made = engine.raw('Pad', [id, padding], { T: { dtype }, Tpaddings: index });
  binding.deleteTensor(padding);
  return made;
}

/** Rounded to the storage dtype and back; takes the handle over. */
function rounded(engine: TensorflowEngine, weight: RawTensor, storage: Nf4Attributes['storage']): RawTensor {
  if (storage === 'float32') return weight;
  const narrow = consumed(engine, weight, castTo(engine, weight, storage === 'bfloat16' ? BFLOAT16 : HALF));
  return consumed(engine, narrow, castTo(engine, narrow, engine.backend.binding.TF_FLOAT));
}

/** TensorFlow's number of half precision. */
const HALF = 19;

const stockUnpack: KernelFunction = ({ inputs, attrs }) => {
  const engine = currentEngine();
  const [rows, columns] = attrs['shape'] as readonly [number, number];
  const { codes, absmax } = inputs as Record<string, TensorInfo>;
  return engine.wrap(
    unpackedByStock(engine, codes as TensorInfo, absmax as TensorInfo, { blockSize: attrs['blockSize'] as number, rows, columns }),
  );
};

const stockRoundHalf: KernelFunction = ({ inputs, attrs }) => {
  const engine = currentEngine();
  const x = inputs['x'] as TensorInfo;
  const copy = castTo(engine, { id: engine.handle(x), shape: x.shape, dtype: 1 }, attrs['dtype'] === 'bfloat16' ? BFLOAT16 : HALF);
  return engine.wrap(consumed(engine, copy, castTo(engine, copy, 1)));
};
