import { NlaError } from '@nlakit/core';
import { bitsOf, dtypes, isDtype, type Dtype } from './dtypes.js';
import { JsonNumber, parseStrictJson, StrictJsonError, type StrictJson } from './strict-json.js';

/** One tensor as the header describes it. `begin` and `end` are byte offsets from the start of the data section. */
export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** In the order of the header text. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The `__metadata__` block; empty if there is none. Has no prototype, so every key is safe. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Byte offset of the data section in the file. */
  readonly dataStart: number;
}

/** The reference implementation's limit on the header's length in bytes. */
export const largestHeader = 100_000_000;

const u64Limit = 2n ** 64n;

/**
 * The header's length in bytes, from the first 8 bytes of a file of `fileSize` bytes.
 *
 * Throws `E_SAFETENSORS_HEADER_TOO_SMALL`, `E_SAFETENSORS_HEADER_TOO_LARGE` or `E_SAFETENSORS_INVALID_HEADER_LENGTH`.
 */
export function headerLength(prefix: Uint8Array, fileSize: number, file?: string): number {
  if (fileSize < 8 || prefix.byteLength < 8) {
    throw refuse('HEADER_TOO_SMALL', 'The file is too short to be a safetensors file.', `${fileSize} bytes`, 'at least 8 bytes', file);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(largestHeader)) {
    throw refuse('HEADER_TOO_LARGE', 'The header is longer than the format allows.', `${length} bytes`, `at most ${largestHeader}`, file);
  }
  if (8n + length > BigInt(fileSize)) {
    throw refuse(
      'INVALID_HEADER_LENGTH',
      'The header ends behind the end of the file.',
      `a header of ${length} bytes in a file of ${fileSize}`,
      `at most ${fileSize - 8}`,
      file,
    );
  }
  return Number(length);
}

/**
 * Parses and checks a header. `bytes` holds the first 8 + header-length bytes of a file of `fileSize` bytes, or more of it.
 *
 * The rules are those of the reference parser (safetensors 0.8), tiling of the data section included, and stricter in three
 * points: a key may not stand twice in any object, an integer may not exceed 2^53, and a string may not hold a lone surrogate.
 * Throws `E_SAFETENSORS_<CLASS>` with the reference parser's error class, or `E_SAFETENSORS_DUPLICATE_KEY`,
 * `E_SAFETENSORS_UNSAFE_INTEGER` for the stricter rules.
 */
export function parseHeader(bytes: Uint8Array, fileSize: number, file?: string): SafetensorsHeader {
  const length = headerLength(bytes, fileSize, file);
  const dataStart = 8 + length;
  if (bytes.byteLength < dataStart) {
    throw new RangeError(`parseHeader needs the whole header: ${dataStart} bytes, not ${bytes.byteLength}.`);
  }
  const root = parseText(bytes.subarray(8, dataStart), file);
  const metadata = Object.create(null) as Record<string, string>;
  const entries: { name: string; dtype: Dtype; shape: bigint[]; begin: bigint; end: bigint }[] = [];
  for (const [name, value] of root) {
    if (name === '__metadata__') {
      if (value === null) continue;
      if (!isObject(value)) throw malformed('`__metadata__` is not an object.', show(value), 'an object of strings', file);
      for (const [key, text] of value) {
        if (typeof text !== 'string') throw malformed(`Metadata ${JSON.stringify(key)} is not a string.`, show(text), 'a string', file);
        metadata[key] = text;
      }
    } else {
      entries.push({ name, ...tensorEntry(name, value, file) });
    }
  }

  // Offsets are compared as the reference does it: in file order, whatever the order of the header.
  const byOffset = [...entries].sort((a, b) => compare(a.begin, b.begin) || compare(a.end, b.end));
  let at = 0n;
  for (const { name, dtype, shape, begin, end } of byOffset) {
    const label = JSON.stringify(name);
    if (begin !== at || end < begin) {
      throw refuse(
        'INVALID_OFFSET',
        `Tensor ${label} does not begin where the one before it ends.`,
        `[${begin}, ${end})`,
        `[${at}, …)`,
        file,
      );
    }
    at = end;
    let count = 1n;
    for (const dimension of shape) count = checked(count * dimension, label, shape, file);
    const bits = checked(count * BigInt(bitsOf(dtype)), label, shape, file);
    if (bits % 8n !== 0n) {
      throw refuse('MISALIGNED_SLICE', `Tensor ${label} does not end on a whole byte.`, `${bits} bits`, 'a multiple of 8', file);
    }
    if (end - begin !== bits / 8n) {
      throw refuse(
        'TENSOR_INVALID_INFO',
        `Tensor ${label} has another size than its shape says.`,
        `${end - begin} bytes`,
        `${bits / 8n} bytes for ${dtype} [${shape.join(', ')}]`,
        file,
      );
    }
  }
  if (at + BigInt(dataStart) !== BigInt(fileSize)) {
    throw refuse(
      'METADATA_INCOMPLETE_BUFFER',
      'The tensors do not end where the file ends.',
      `a file of ${fileSize} bytes`,
      `${at + BigInt(dataStart)} bytes`,
      file,
      'The file was cut off or something was appended to it: get it again.',
    );
  }

  const tensors = new Map<string, TensorInfo>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, {
      dtype,
      shape: shape.map((size) => safe(size, name, file)),
      begin: safe(begin, name, file),
      end: safe(end, name, file),
    });
  }
  return { tensors, metadata, dataStart };
}

function parseText(bytes: Uint8Array, file: string | undefined): ReadonlyMap<string, StrictJson> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refuse('INVALID_HEADER', 'The header is not UTF-8.', 'an invalid byte sequence', 'UTF-8', file, undefined, cause);
  }
  let value: StrictJson;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    if (!(cause instanceof StrictJsonError)) throw cause;
    if (cause.problem === 'duplicate') {
      throw refuse('DUPLICATE_KEY', 'A key stands twice in the header.', cause.message, 'every key once', file);
    }
    throw malformed('The header is not valid JSON.', cause.message, 'one JSON object', file);
  }
  if (!isObject(value)) throw malformed('The header is not a JSON object.', show(value), 'one JSON object', file);
  return value;
}

function tensorEntry(
  name: string,
  value: StrictJson,
  file: string | undefined,
): { dtype: Dtype; shape: bigint[]; begin: bigint; end: bigint } {
  const label = JSON.stringify(name);
  if (!isObject(value))
    throw malformed(`Tensor ${label} is not described by an object.`, show(value), '{dtype, shape, data_offsets}', file);
  const dtype = value.get('dtype');
  if (typeof dtype !== 'string' || !isDtype(dtype)) {
    throw malformed(`Tensor ${label} has no known dtype.`, show(dtype), dtypes.join(', '), file);
  }
  const shape = integers(value.get('shape'), `The shape of tensor ${label}`, file);
  const offsets = integers(value.get('data_offsets'), `data_offsets of tensor ${label}`, file);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) {
    throw malformed(`data_offsets of tensor ${label} is no pair.`, `${offsets.length} numbers`, '[begin, end]', file);
  }
  return { dtype, shape, begin, end };
}

function integers(value: StrictJson | undefined, what: string, file: string | undefined): bigint[] {
  if (!Array.isArray(value)) throw malformed(`${what} is not a list.`, show(value), 'a list of whole numbers', file);
  return value.map((item: StrictJson) => {
    if (!(item instanceof JsonNumber) || !/^[0-9]+$/.test(item.text)) {
      throw malformed(`${what} holds something else than whole numbers.`, show(item), 'digits only', file);
    }
    const integer = BigInt(item.text);
    if (integer >= u64Limit) throw malformed(`${what} holds a number that does not fit 64 bits.`, item.text, 'less than 2^64', file);
    return integer;
  });
}

function isObject(value: StrictJson): value is ReadonlyMap<string, StrictJson> {
  return value instanceof Map;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checked(product: bigint, label: string, shape: readonly bigint[], file: string | undefined): bigint {
  if (product < u64Limit) return product;
  throw refuse('VALIDATION_OVERFLOW', `The size of tensor ${label} does not fit 64 bits.`, `[${shape.join(', ')}]`, 'less than 2^64', file);
}

function safe(integer: bigint, name: string, file: string | undefined): number {
  if (integer <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(integer);
  throw refuse(
    'UNSAFE_INTEGER',
    `Tensor ${JSON.stringify(name)} has a number that JavaScript would round.`,
    `${integer}`,
    `at most ${Number.MAX_SAFE_INTEGER}`,
    file,
  );
}

function show(value: StrictJson | undefined): string {
  if (value === undefined) return 'nothing';
  if (value instanceof JsonNumber) return value.text;
  if (isObject(value)) return 'an object';
  if (Array.isArray(value)) return 'a list';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function malformed(message: string, found: string, expected: string, file: string | undefined): NlaError {
  return refuse('INVALID_HEADER_DESERIALIZATION', message, found, expected, file);
}

function refuse(
  errorClass: string,
  message: string,
  found: string,
  expected: string,
  file: string | undefined,
  fix?: string,
  cause?: unknown,
): NlaError {
  return new NlaError(`E_SAFETENSORS_${errorClass}`, {
    message,
    found,
    expected,
    kind: 'input',
    ...(fix === undefined ? {} : { fix }),
    ...(file === undefined ? {} : { file }),
    ...(cause === undefined ? {} : { cause }),
  });
}
