import { NlaError, type StoredTensors } from '@nlakit/core';
import { dynamicMap } from '@nlakit/optim';
import { NF4_VALUES } from '@nlakit/ops';
import { JsonNumber, parseStrictJson, StrictJsonError, type TensorEntry } from '@nlakit/safetensors';
import { nestedBlockSize, rebuildAbsmax, type Nf4Array, type StorageDtype } from './nf4-array.js';

const stateSuffix = 'quant_state.bitsandbytes__nf4';
const storageDtypes: readonly string[] = ['float32', 'bfloat16', 'float16'] satisfies StorageDtype[];

/** Whether `blockSize` is one that bitsandbytes knows. */
export function isBlockSize(blockSize: number): boolean {
  return Number.isSafeInteger(blockSize) && blockSize >= 32 && blockSize <= 4096 && (blockSize & (blockSize - 1)) === 0;
}

/**
 * The tensors that stand for one 4-bit linear in a checkpoint as transformers and bitsandbytes write it. `weightName` ends in
 * `.weight`. Feed them to `writeSafetensors`.
 */
export function toBitsandbytes(weightName: string, array: Nf4Array): Map<string, TensorEntry> {
  const { shape, blockSize, packed, absmax, nested, storage } = array;
  const bytes = Math.ceil((shape[0] * shape[1]) / 2);
  const entries = new Map<string, TensorEntry>([
    [weightName, { dtype: 'U8', shape: [bytes, 1], data: packed.subarray(0, bytes) }],
    [`${weightName}.absmax`, { shape: [absmax.length], data: nested === undefined ? absmax : nested.codes }],
    [`${weightName}.quant_map`, { shape: [16], data: Float32Array.from(NF4_VALUES) }],
  ]);
  // Key order and separators of Python's json.dumps, as bitsandbytes writes them.
  let state = `{"quant_type": "nf4", "blocksize": ${blockSize}, "dtype": "${storage}", "shape": [${shape.join(', ')}]`;
  if (nested !== undefined) {
    entries.set(`${weightName}.nested_absmax`, { shape: [nested.absmax.length], data: nested.absmax });
    entries.set(`${weightName}.nested_quant_map`, { shape: [256], data: dynamicMap(true).values });
    state += `, "nested_blocksize": ${nestedBlockSize}, "nested_dtype": "float32", "nested_offset": ${pythonFloat(nested.offset)}`;
  }
  const data = new TextEncoder().encode(`${state}}`);
  entries.set(`${weightName}.${stateSuffix}`, { shape: [data.length], data });
  return entries;
}

/**
 * The `quantization_config` that a checkpoint's config.json needs. Every field is written: the libraries' defaults differ from it.
 * transformers packs every linear but the output layer when it meets no list; `skippedModules` names prefixes of modules that the
 * checkpoint holds unpacked, and a list replaces the default, so the output layer is put on it.
 */
export function quantizationConfig(array: {
  readonly doubleQuant: boolean;
  readonly computeDtype: StorageDtype;
  readonly skippedModules?: readonly string[];
}): Record<string, string | number | boolean | null | readonly string[]> {
  const { skippedModules = [] } = array;
  return {
    _load_in_4bit: true,
    _load_in_8bit: false,
    bnb_4bit_compute_dtype: array.computeDtype,
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: 'nf4',
    bnb_4bit_use_double_quant: array.doubleQuant,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: skippedModules.length === 0 ? null : [...skippedModules, 'lm_head'],
    llm_int8_threshold: 6,
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: 'bitsandbytes',
  };
}

/**
 * Reads one 4-bit linear from a checkpoint in bitsandbytes' layout; `undefined` if the checkpoint has a plain weight of that name.
 *
 * Throws `E_NF4_STORED` for everything that is not exactly such a linear: another quantisation type, a value or a block size that
 * does not belong, missing, surplus or misshapen tensors, a code book other than NF4's.
 */
export async function fromBitsandbytes(
  stored: StoredTensors,
  weightName: string,
  shape: readonly [out: number, inn: number],
): Promise<Nf4Array | undefined> {
  const prefix = `${weightName}.`;
  const parts = new Set<string>();
  for (const name of stored.names()) if (name.startsWith(prefix)) parts.add(name.slice(prefix.length));
  const int8State = weightName.replace(/weight$/, 'SCB');
  if (int8State !== weightName && stored.has(int8State))
    throw refuse(weightName, 'is stored in 8 bits', int8State, 'NF4 or a plain weight');
  if (parts.size === 0) return undefined;

  const states = [...parts].filter((part) => part.startsWith('quant_state.'));
  if (states.length !== 1 || states[0] !== stateSuffix) {
    throw refuse(weightName, 'has no single NF4 quant_state', states.join(', ') || 'none', stateSuffix);
  }
  const state = parseState(weightName, await bytesOf(stored, `${prefix}${stateSuffix}`, 'U8'));
  if (state.shape[0] !== shape[0] || state.shape[1] !== shape[1] || state.shape.length !== 2) {
    throw refuse(weightName, 'has another shape than the model needs', `[${state.shape.join(', ')}]`, `[${shape.join(', ')}]`);
  }
  const expected = ['absmax', 'quant_map', stateSuffix, ...(state.offset === undefined ? [] : ['nested_absmax', 'nested_quant_map'])];
  for (const part of expected) if (!parts.has(part)) throw refuse(weightName, 'lacks a tensor', 'none', prefix + part);
  for (const part of parts)
    if (!expected.includes(part)) throw refuse(weightName, 'has a tensor that does not belong', prefix + part, expected.join(', '));

  const count = shape[0] * shape[1];
  const blocks = Math.ceil(count / state.blockSize);
  // The bytes may be declared as another dtype (bnb_4bit_quant_storage); they are the same bytes.
  const { data } = await stored.bytes(weightName);
  if (data.length !== Math.ceil(count / 2))
    throw refuse(weightName, 'has the wrong size', `${data.length} bytes`, `${Math.ceil(count / 2)}`);
  const packed = new Uint8Array(32 * Math.ceil(count / 64)).fill(0x77);
  packed.set(data);
  await sameBits(stored, `${prefix}quant_map`, NF4_VALUES, weightName);
  const common = { shape, blockSize: state.blockSize, packed, storage: state.storage };
  if (state.offset === undefined) {
    return { ...common, absmax: await floatsOf(stored, `${prefix}absmax`, blocks, weightName) };
  }
  await sameBits(stored, `${prefix}nested_quant_map`, dynamicMap(true).values, weightName);
  const codes = await bytesOf(stored, `${prefix}absmax`, 'U8');
  if (codes.length !== blocks) throw refuse(weightName, 'has the wrong number of absmax values', `${codes.length}`, `${blocks}`);
  const nestedAbsmax = await floatsOf(stored, `${prefix}nested_absmax`, Math.ceil(blocks / nestedBlockSize), weightName);
  const nested = { codes, absmax: nestedAbsmax, offset: state.offset };
  return { ...common, absmax: rebuildAbsmax(nested), nested };
}

interface QuantState {
  readonly blockSize: number;
  readonly storage: StorageDtype;
  readonly shape: readonly number[];
  /** Present with double quantisation. */
  readonly offset?: number;
}

function parseState(weightName: string, bytes: Uint8Array): QuantState {
  let root;
  try {
    root = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    if (!(cause instanceof StrictJsonError) && !(cause instanceof TypeError)) throw cause;
    throw refuse(weightName, 'has a quant_state that is not JSON', cause.message, 'an object');
  }
  if (!(root instanceof Map)) throw refuse(weightName, 'has a quant_state that is no object', typeof root, 'an object');
  const state = root as ReadonlyMap<string, unknown>;
  const single = ['quant_type', 'blocksize', 'dtype', 'shape'];
  const nested = ['nested_blocksize', 'nested_dtype', 'nested_offset'];
  for (const key of state.keys()) {
    if (!single.includes(key) && !nested.includes(key))
      throw refuse(weightName, 'has an unknown key in its quant_state', key, [...single, ...nested].join(', '));
  }
  const need = <Value>(key: string, valid: (value: unknown) => value is Value, expected: string): Value => {
    const value = state.get(key);
    if (valid(value)) return value;
    throw refuse(
      weightName,
      `has an unusable ${key} in its quant_state`,
      value instanceof JsonNumber ? value.text : (JSON.stringify(value) ?? 'nothing'),
      expected,
    );
  };
  need('quant_type', (value): value is 'nf4' => value === 'nf4', 'nf4');
  const whole = (value: unknown): value is JsonNumber => value instanceof JsonNumber && /^[0-9]{1,15}$/.test(value.text);
  const blockSize = need(
    'blocksize',
    (value): value is JsonNumber => whole(value) && isBlockSize(Number(value.text)),
    'a power of two from 32 to 4096',
  );
  const storage = need(
    'dtype',
    (value): value is StorageDtype => typeof value === 'string' && storageDtypes.includes(value),
    storageDtypes.join(', '),
  );
  const shape = need('shape', (value): value is JsonNumber[] => Array.isArray(value) && value.every(whole), 'whole numbers');
  const common = { blockSize: Number(blockSize.text), storage, shape: shape.map((size) => Number(size.text)) };
  if (!nested.some((key) => state.has(key))) return common;
  need('nested_blocksize', (value): value is JsonNumber => whole(value) && Number(value.text) === nestedBlockSize, String(nestedBlockSize));
  need('nested_dtype', (value): value is string => value === 'float32', 'float32');
  const offset = need(
    'nested_offset',
    (value): value is JsonNumber => value instanceof JsonNumber && Number.isFinite(Math.fround(Number(value.text))),
    'a finite number',
  );
  return { ...common, offset: Math.fround(Number(offset.text)) };
}

async function bytesOf(stored: StoredTensors, name: string, dtype: string): Promise<Uint8Array> {
  const tensor = await stored.bytes(name);
  if (tensor.dtype !== dtype || tensor.shape.length !== 1) {
    throw refuse(
      name,
      'has another form than bitsandbytes gives it',
      `${tensor.dtype} [${tensor.shape.join(', ')}]`,
      `${dtype}, one dimension`,
    );
  }
  return tensor.data;
}

async function floatsOf(stored: StoredTensors, name: string, count: number, weightName: string): Promise<Float32Array> {
  const bytes = await bytesOf(stored, name, 'F32');
  const values = new Float32Array(bytes.slice().buffer);
  if (values.length !== count) throw refuse(weightName, `has the wrong number of values in ${name}`, `${values.length}`, `${count}`);
  const bad = values.findIndex((value) => !Number.isFinite(value) || value < 0);
  if (bad >= 0) throw refuse(weightName, `has an impossible value in ${name}`, `${values[bad]} at ${bad}`, 'finite numbers from 0');
  return values;
}

async function sameBits(stored: StoredTensors, name: string, expected: Readonly<Float32Array>, weightName: string): Promise<void> {
  const bytes = await bytesOf(stored, name, 'F32');
  const wanted = new Uint8Array(expected.buffer, expected.byteOffset, expected.byteLength);
  if (Buffer.compare(bytes, wanted) !== 0)
    throw refuse(weightName, `has another code book in ${name}`, 'other values', 'those of NF4 and of the signed dynamic map');
}

/** A float as Python prints it: shortest digits, and always recognisable as a float. */
function pythonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  const text = String(value);
  return Object.is(value, -0) ? '-0.0' : /[.e]/.test(text) ? text : `${text}.0`;
}

function refuse(weightName: string, message: string, found: string, expected: string): NlaError {
  return new NlaError('E_NF4_STORED', {
    message: `${weightName} ${message}.`,
    found,
    expected,
    fix: 'Use a checkpoint that transformers and bitsandbytes saved with quant_type nf4, or a plain one.',
    kind: 'input',
  });
}
