import { NlaError } from '@nlakit/core';
import { bitsOf, isDtype, rankOf, type Dtype } from './dtypes.js';
import { encodeBf16, encodeF16 } from './half-floats.js';
import { largestHeader } from './header.js';

/**
 * A tensor to be written. Bytes (`Uint8Array`) are taken as they are, row-major little-endian; a `Float32Array` is rounded to
 * `dtype` F32, BF16 or F16; a function is called when its turn comes and yields the bytes piece by piece, so that a large tensor
 * is never whole in memory. Without `dtype`, a `Float32Array` is F32, an `Int32Array` I32 and a `Uint8Array` U8.
 */
export interface TensorEntry {
  readonly dtype?: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array | Int32Array | (() => Iterable<Uint8Array> | AsyncIterable<Uint8Array>);
}

/** Names to tensors; a `Map` is one. */
export type TensorEntries = Iterable<readonly [name: string, entry: TensorEntry]>;

/** Where every tensor goes, and the bytes in front of the data. */
export interface EncodingPlan {
  /** Length field, JSON and padding. */
  readonly head: Uint8Array;
  /** In file order. */
  readonly tensors: readonly { readonly name: string; readonly dtype: Dtype; readonly bytes: number; readonly entry: TensorEntry }[];
  readonly totalBytes: number;
}

/**
 * Lays a file out as the reference writer does: wide dtypes first, then by name; compact JSON padded with spaces so that the data
 * starts at a multiple of 8. Metadata keys are sorted, so the same content gives the same bytes.
 *
 * Throws `E_SAFETENSORS_TENSOR_INVALID_INFO` if data and shape disagree, `E_SAFETENSORS_DUPLICATE_KEY`, `E_SAFETENSORS_NAME`,
 * `E_SAFETENSORS_DTYPE` or `E_SAFETENSORS_HEADER_TOO_LARGE`.
 */
export function planEncoding(entries: TensorEntries, metadata?: Readonly<Record<string, string>>): EncodingPlan {
  const seen = new Set<string>();
  const tensors = [...entries].map(([name, entry]) => {
    const label = JSON.stringify(name);
    if (seen.has(name)) throw refuse('DUPLICATE_KEY', `Two tensors have the name ${label}.`);
    seen.add(name);
    if (name === '__metadata__' || /\p{Surrogate}/u.test(name)) {
      throw refuse(
        'NAME',
        `A tensor cannot be called ${label}.`,
        name === '__metadata__' ? 'the name of the metadata block' : 'a lone surrogate',
      );
    }
    const dtype = dtypeOf(label, entry);
    return { name, dtype, bytes: sizeOf(label, dtype, entry), entry };
  });
  tensors.sort((a, b) => rankOf(b.dtype) - rankOf(a.dtype) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));

  const members: string[] = [];
  const keys = Object.keys(metadata ?? {}).sort();
  if (metadata !== undefined && keys.length > 0) {
    const pairs = keys.map((key) => {
      const text = metadata[key] ?? '';
      if (/\p{Surrogate}/u.test(key) || /\p{Surrogate}/u.test(text))
        throw refuse('NAME', `Metadata ${JSON.stringify(key)} holds a lone surrogate.`);
      return `${JSON.stringify(key)}:${JSON.stringify(text)}`;
    });
    members.push(`"__metadata__":{${pairs.join(',')}}`);
  }
  let at = 0;
  for (const { name, dtype, bytes, entry } of tensors) {
    members.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${entry.shape.join(',')}],"data_offsets":[${at},${at + bytes}]}`);
    at += bytes;
  }
  const json = Buffer.from(`{${members.join(',')}}`, 'utf8');
  const padded = Math.ceil(json.byteLength / 8) * 8;
  if (padded > largestHeader)
    throw refuse('HEADER_TOO_LARGE', 'The header is longer than the format allows.', `${padded} bytes`, `${largestHeader}`);
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, 8);
  return { head, tensors, totalBytes: head.byteLength + at };
}

/** The file, piece by piece: the head, then every tensor's bytes. Throws `E_SAFETENSORS_TENSOR_INVALID_INFO` if a stream is too short or long. */
export async function* encodingChunks(plan: EncodingPlan): AsyncGenerator<Uint8Array> {
  yield plan.head;
  for (const { name, dtype, bytes, entry } of plan.tensors) {
    if (typeof entry.data !== 'function') {
      yield bytesOf(entry.data, dtype);
      continue;
    }
    let written = 0;
    for await (const piece of entry.data()) {
      written += piece.byteLength;
      yield piece;
    }
    if (written !== bytes) {
      throw refuse(
        'TENSOR_INVALID_INFO',
        `The stream of tensor ${JSON.stringify(name)} has the wrong length.`,
        `${written} bytes`,
        `${bytes} bytes`,
      );
    }
  }
}

/** A whole file in memory. Tensors given as streams are refused: use `writeSafetensors` for those. Errors as {@link planEncoding}. */
export function encodeSafetensors(entries: TensorEntries, metadata?: Readonly<Record<string, string>>): Uint8Array {
  const plan = planEncoding(entries, metadata);
  const file = new Uint8Array(plan.totalBytes);
  file.set(plan.head);
  let at = plan.head.byteLength;
  for (const { name, dtype, bytes, entry } of plan.tensors) {
    if (typeof entry.data === 'function') {
      throw refuse('STREAM', `Tensor ${JSON.stringify(name)} is a stream, which cannot be encoded in memory.`, 'a function', 'an array');
    }
    file.set(bytesOf(entry.data, dtype), at);
    at += bytes;
  }
  return file;
}

function dtypeOf(label: string, entry: TensorEntry): Dtype {
  const { data, dtype } = entry;
  const natural = data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : data instanceof Uint8Array ? 'U8' : undefined;
  const chosen = dtype ?? natural;
  if (chosen === undefined || !isDtype(chosen)) {
    throw refuse('DTYPE', `Tensor ${label} has no known dtype.`, String(chosen), 'a dtype of the format');
  }
  const fits =
    data instanceof Float32Array
      ? chosen === 'F32' || chosen === 'BF16' || chosen === 'F16'
      : data instanceof Int32Array
        ? chosen === 'I32'
        : true;
  if (!fits) throw refuse('DTYPE', `Tensor ${label} cannot be stored as ${chosen}.`, data.constructor.name, 'bytes of that dtype');
  return chosen;
}

function sizeOf(label: string, dtype: Dtype, entry: TensorEntry): number {
  let count = 1;
  for (const size of entry.shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw refuse(
        'TENSOR_INVALID_INFO',
        `Tensor ${label} has a shape that is none.`,
        `[${entry.shape.join(', ')}]`,
        'whole numbers from 0',
      );
    }
    count *= size;
  }
  const bits = count * bitsOf(dtype);
  if (!Number.isSafeInteger(bits))
    throw refuse('VALIDATION_OVERFLOW', `Tensor ${label} is too large.`, `[${entry.shape.join(', ')}]`, 'less than 2^53 bits');
  if (bits % 8 !== 0) throw refuse('MISALIGNED_SLICE', `Tensor ${label} does not end on a whole byte.`, `${bits} bits`, 'a multiple of 8');
  const { data } = entry;
  if (typeof data !== 'function') {
    const held = data instanceof Uint8Array ? data.byteLength : (data.length * bitsOf(dtype)) / 8;
    if (held !== bits / 8) {
      throw refuse(
        'TENSOR_INVALID_INFO',
        `Tensor ${label} has another size than its shape says.`,
        `${held} bytes`,
        `${bits / 8} bytes for ${dtype} [${entry.shape.join(', ')}]`,
      );
    }
  }
  return bits / 8;
}

function bytesOf(data: Uint8Array | Float32Array | Int32Array, dtype: Dtype): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const stored =
    data instanceof Float32Array && dtype === 'BF16'
      ? encodeBf16(data)
      : data instanceof Float32Array && dtype === 'F16'
        ? encodeF16(data)
        : data;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

function refuse(errorClass: string, message: string, found?: string, expected?: string): NlaError {
  return new NlaError(`E_SAFETENSORS_${errorClass}`, {
    message,
    kind: 'input',
    ...(found === undefined ? {} : { found }),
    ...(expected === undefined ? {} : { expected }),
  });
}
