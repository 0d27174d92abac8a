import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RowSource, StoredTensors } from '@nlakit/core';
import { NF4_VALUES, recallProducts, rememberProducts, tf } from '@nlakit/ops';
import { encodeSafetensors, openSafetensors, parseHeader, type SafetensorsFile, type TensorEntry } from '@nlakit/safetensors';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBitsandbytes, toBitsandbytes } from './bitsandbytes.js';
import { nf4Thresholds, rebuildAbsmax, unpackArray, type Nf4Array } from './nf4-array.js';
import { packRows, type PackOptions } from './nf4-packer.js';
import { nf4Quantizer, type Nf4Options, uploadArray, type Nf4Weight } from './nf4-quantizer.js';
import { plugin } from './plugin.js';

const fixture = (name: string): string => fileURLToPath(new URL(`./__fixtures__/${name}`, import.meta.url));
const sha256 = (data: Uint8Array | Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
const floatOf = (hex: string): number => Buffer.from(hex, 'hex').readFloatBE();

interface Golden {
  readonly shape: readonly [number, number];
  readonly packed_sha256: string;
  readonly packed_head: readonly number[];
  readonly absmax_head: readonly (string | number)[];
  readonly nested_absmax: readonly string[] | null;
  readonly offset: readonly string[] | null;
  readonly quant_state_json: string;
  readonly deq_sha256: string | null;
}
const golden = JSON.parse(readFileSync(fixture('golden_nf4.json'), 'utf8')) as Record<string, Golden>;

/** The generator the golden inputs were made with. */
function goldenInput(name: string, count: number): Float32Array {
  let state = 12345;
  const values = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(Math.fround((state / 2 ** 32) * 2 - 1) * Math.fround(0.05));
  });
  if (name.startsWith('zeros')) values.fill(0, 0, 64);
  return values;
}
const rowsOf = (values: Float32Array, inn: number): RowSource => ({
  read: (start, count) => Promise.resolve(values.slice(start * inn, (start + count) * inn)),
});
const defaults: PackOptions = { blockSize: 64, doubleQuant: false, storage: 'float32' };
const pack = (values: Float32Array, shape: readonly [number, number], options: Partial<PackOptions> = {}): Promise<Nf4Array> =>
  packRows(rowsOf(values, shape[1]), shape, { ...defaults, ...options });
const content = (array: Nf4Array): Uint8Array => array.packed.subarray(0, Math.ceil((array.shape[0] * array.shape[1]) / 2));

describe('packing, against bitsandbytes', () => {
  it.each(Object.entries(golden))('%s', async (name, expected) => {
    const doubleQuant = name.endsWith('_dq');
    const array = await pack(goldenInput(name, expected.shape[0] * expected.shape[1]), expected.shape, { doubleQuant });
    expect(sha256(content(array))).toBe(expected.packed_sha256);
    expect([...array.packed.subarray(0, 16)]).toEqual(expected.packed_head);
    if (expected.offset === null || expected.nested_absmax === null) {
      expected.absmax_head.forEach((hex, i) => expect(array.absmax[i]).toBe(floatOf(hex as string)));
    } else {
      const nested = array.nested!;
      expect([...nested.codes.subarray(0, expected.absmax_head.length)]).toEqual(expected.absmax_head);
      // torch sums the mean in another order: one unit in the last place.
      const offset = floatOf(expected.offset[0]!);
      expect(Math.abs(nested.offset - offset)).toBeLessThan(4e-9);
      expected.nested_absmax.forEach((hex, i) => expect(Math.abs(nested.absmax[i]! - floatOf(hex))).toBeLessThan(4e-9));
      // With the file's own offset everything else is exact.
      const absmax = rebuildAbsmax({ ...nested, offset, absmax: Float32Array.from(expected.nested_absmax, floatOf) });
      if (expected.deq_sha256 !== null) expect(sha256(unpackArray({ ...array, absmax }))).toBe(expected.deq_sha256);
    }
    if (!doubleQuant && expected.deq_sha256 !== null) expect(sha256(unpackArray(array))).toBe(expected.deq_sha256);
  });

  it('has the thresholds of the CUDA kernel', () => {
    const literals =
      'bf591cd8 bf1c5270 beeb8480 beadea76 be703cec be0d38bc bd3a7871 3d22faff 3df64862 3e5067e0 3e9582d4 3ec753f9 3f006d04 3f248daf 3f5c89da';
    expect([...nf4Thresholds]).toEqual(literals.split(' ').map(floatOf));
  });

  it('equals the definition, written element by element, for any shape and block size', async () => {
    const values = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1, -1, 1e-45, ...nf4Thresholds));
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 })),
        fc.constantFrom(32, 64, 128),
        fc.array(values, { minLength: 1, maxLength: 80 }),
        async ([out, inn], blockSize, pattern) => {
          const input = Float32Array.from({ length: out * inn }, (_, i) => pattern[(i * 7) % pattern.length]!);
          const array = await pack(input, [out, inn], { blockSize });
          const [f, n] = [Math.fround, input.length];
          for (let block = 0; block * blockSize < n; block++) {
            const part = input.subarray(block * blockSize, (block + 1) * blockSize);
            const largest = part.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
            expect(array.absmax[block]).toBe(largest);
            const divisor = Math.max(largest, 1e-38);
            part.forEach((x, i) => {
              const z = part.length === blockSize ? f(x * f(1 / divisor)) : f(x / divisor);
              const code = nf4Thresholds.filter((threshold) => z > threshold).length;
              const index = block * blockSize + i;
              const byte = array.packed[index >> 1]!;
              expect((index & 1) === 0 ? byte >> 4 : byte & 15).toBe(code);
            });
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads large weights in chunks of whole blocks', async () => {
    const [out, inn] = [3000, 700];
    const input = goldenInput('chunks', out * inn);
    const reads: number[] = [];
    const rows: RowSource = {
      read: (start, count) => {
        reads.push(count);
        return rowsOf(input, inn).read(start, count);
      },
    };
    const array = await packRows(rows, [out, inn], { ...defaults, doubleQuant: true });
    expect(reads.length).toBeGreaterThan(1);
    const whole = await pack(input, [1, out * inn], { doubleQuant: true });
    expect(sha256(content(array))).toBe(sha256(content(whole)));
    expect(array.absmax).toEqual(whole.absmax);
  });

  it.each([NaN, Infinity, -Infinity])('refuses %s and says where it is', async (bad) => {
    const input = new Float32Array(300);
    input[217] = bad;
    await expect(pack(input, [3, 100])).rejects.toMatchObject({
      code: 'E_NF4_NOT_FINITE',
      details: { found: `${bad} at row 2, column 17` },
    });
  });
});

describe("bitsandbytes' layout", () => {
  const names = ['layers.0.self_attn.q_proj', 'layers.0.mlp.down_proj', 'layers.3.per_layer_projection'].map(
    (name) => `model.language_model.${name}.weight`,
  );
  const shapes: readonly (readonly [number, number])[] = [
    [64, 64],
    [64, 96],
    [64, 16],
  ];
  const files = new Map<string, SafetensorsFile>();
  beforeAll(async () => {
    for (const name of ['base', 'nf4-double', 'nf4-single', 'nf4-double-bf16'])
      files.set(name, await openSafetensors(fixture(`${name}.safetensors`)));
  });
  afterAll(async () => {
    for (const file of files.values()) await file.close();
  });

  it('dequantises exactly', async () => {
    const expected = JSON.parse(readFileSync(fixture('nf4-double-dequantised.json'), 'utf8')) as Record<string, { data: string }>;
    for (const [i, name] of names.entries()) {
      const array = await fromBitsandbytes(files.get('nf4-double')!, name, shapes[i]!);
      expect(Buffer.compare(Buffer.from(unpackArray(array!).buffer), Buffer.from(expected[name]!.data, 'base64'))).toBe(0);
    }
  });

  it('fails with the nibbles the wrong way round, with per-row blocks and without the offset', async () => {
    const array = (await fromBitsandbytes(files.get('nf4-double')!, names[1]!, shapes[1]!))!;
    const right = unpackArray(array);
    const swapped = unpackArray({ ...array, packed: array.packed.map((byte) => (byte << 4) | (byte >> 4)) });
    const perRow = right.map((value, i) => (value / array.absmax[i >> 6]!) * array.absmax[Math.floor(i / 96) + Math.floor((i % 96) / 64)]!);
    const noOffset = unpackArray({ ...array, absmax: rebuildAbsmax({ ...array.nested!, offset: 0 }) });
    for (const wrong of [swapped, perRow, noOffset]) {
      expect(wrong.filter((value, i) => value !== right[i]).length).toBeGreaterThan(right.length / 4);
    }
  });

  it.each(['nf4-single', 'nf4-double', 'nf4-double-bf16'])(
    '%s: rereads, rewrites the same bytes and repacks the same nibbles',
    async (file) => {
      const stored = files.get(file)!;
      for (const [i, name] of names.entries()) {
        const array = (await fromBitsandbytes(stored, name, shapes[i]!))!;
        const written = toBitsandbytes(name, array);
        expect([...written.keys()].sort()).toEqual([...stored.names()].filter((key) => key.startsWith(name)).sort());
        for (const [key, entry] of written) {
          const original = await stored.bytes(key);
          const data = entry.data as Uint8Array | Float32Array;
          expect(original.shape).toEqual(entry.shape);
          expect(Buffer.compare(original.data, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)), key).toBe(0);
        }
        if (file === 'nf4-double-bf16') continue;
        const repacked = await pack(await files.get('base')!.float32(name), shapes[i]!, { doubleQuant: file === 'nf4-double' });
        expect(content(repacked)).toEqual(content(array));
        if (file === 'nf4-single') expect(repacked.absmax).toEqual(array.absmax);
        else expect(Math.abs(repacked.nested!.offset - array.nested!.offset)).toBeLessThan(3e-8);
      }
    },
  );

  it('rounds to the dtype the file names', async () => {
    const array = (await fromBitsandbytes(files.get('nf4-double-bf16')!, names[0]!, shapes[0]!))!;
    expect(array.storage).toBe('bfloat16');
    const rounded = unpackArray(array);
    expect(new Uint32Array(rounded.buffer).filter((bits) => (bits & 0xffff) !== 0)).toHaveLength(0);
    const exact = unpackArray({ ...array, storage: 'float32' });
    exact.forEach((value, i) => expect(Math.abs(value - rounded[i]!)).toBeLessThanOrEqual(Math.abs(value) / 256));
    const half = unpackArray({ ...array, storage: 'float16' });
    exact.forEach((value, i) => expect(Math.abs(value - half[i]!)).toBeLessThanOrEqual(Math.abs(value) / 2048 + 2 ** -25));
  });

  it('leaves plain weights to pack', async () => {
    expect(await fromBitsandbytes(files.get('base')!, names[0]!, shapes[0]!)).toBeUndefined();
  });

  /** The tensors of one stored linear, with changes. */
  async function changed(file: string, changes: Record<string, TensorEntry | null>): Promise<StoredTensors> {
    const entries = new Map<string, TensorEntry>();
    for (const key of files.get(file)!.names()) {
      if (!key.startsWith(names[0]!)) continue;
      const { dtype, shape, data } = await files.get(file)!.bytes(key);
      entries.set(key, { dtype: dtype as 'U8', shape, data });
    }
    for (const [part, entry] of Object.entries(changes)) {
      if (entry === null) entries.delete(names[0]! + part);
      else entries.set(names[0]! + part, entry);
    }
    const bytes = encodeSafetensors(entries);
    const header = parseHeader(bytes, bytes.length);
    return {
      has: (name) => entries.has(name),
      names: () => entries.keys(),
      bytes: (name) => {
        const { dtype, shape, begin, end } = header.tensors.get(name)!;
        return Promise.resolve({ dtype, shape, data: bytes.slice(header.dataStart + begin, header.dataStart + end) });
      },
    };
  }
  const text = (json: string): TensorEntry => ({ shape: [Buffer.from(json).length], data: Uint8Array.from(Buffer.from(json)) });
  const state = '.quant_state.bitsandbytes__nf4';
  const goodState = '{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [64, 64]}';
  const zeros = (count: number): TensorEntry => ({ shape: [count], data: new Float32Array(count) });

  it('accepts any key order, white space and storage dtype of the bytes', async () => {
    const stored = await changed('nf4-single', {
      [state]: text('{ "shape":[64,64],"dtype":"float32",\n"blocksize":64,"quant_type":"nf4" }'),
      '': { dtype: 'F32', shape: [512, 1], data: (await files.get('nf4-single')!.bytes(names[0]!)).data },
    });
    const array = await fromBitsandbytes(stored, names[0]!, shapes[0]!);
    const plain = await fromBitsandbytes(files.get('nf4-single')!, names[0]!, shapes[0]!);
    expect(array).toEqual(plain);
  });

  it.each<[string, Record<string, TensorEntry | null>]>([
    ['no quant_state', { [state]: null }],
    ['fp4', { [state]: null, '.quant_state.bitsandbytes__fp4': text(goodState.replace('nf4', 'fp4')) }],
    ['two quant_states', { '.quant_state.bitsandbytes__fp4': text(goodState) }],
    ['another type inside', { [state]: text(goodState.replace('nf4', 'fp4')) }],
    ['an unknown key', { [state]: text(goodState.replace('{', '{"x": 1, ')) }],
    ['a key twice', { [state]: text(goodState.replace('{', '{"dtype": "float32", ')) }],
    ['no JSON', { [state]: text(goodState.slice(1)) }],
    ['another block size', { [state]: text(goodState.replace('"blocksize": 64', '"blocksize": 48')) }],
    ['another dtype', { [state]: text(goodState.replace('float32', 'int8')) }],
    ['another shape', { [state]: text(goodState.replace('[64, 64]', '[32, 128]')) }],
    [
      'nested keys without nested tensors',
      { [state]: text(goodState.replace('}', ', "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5}')) },
    ],
    ['only some nested keys', { [state]: text(goodState.replace('}', ', "nested_blocksize": 256}')) }],
    ['nested tensors without nested keys', { '.nested_absmax': zeros(1) }],
    ['no absmax', { '.absmax': null }],
    ['too few absmax', { '.absmax': zeros(63) }],
    ['a NaN absmax', { '.absmax': { shape: [64], data: new Float32Array(64).fill(NaN) } }],
    ['absmax of another dtype', { '.absmax': { shape: [64], data: new Uint8Array(64) } }],
    ['another code book', { '.quant_map': zeros(16) }],
    ['missing bytes', { '': { shape: [2047, 1], data: new Uint8Array(2047) } }],
    ['a surplus tensor', { '.zero_point': zeros(1) }],
  ])('refuses %s', async (_label, changes) => {
    const stored = await changed('nf4-single', changes);
    await expect(fromBitsandbytes(stored, names[0]!, shapes[0]!)).rejects.toMatchObject({ code: 'E_NF4_STORED' });
  });

  it.each(Object.entries(golden))('writes the quant_state text of %s', async (name, expected) => {
    const array = await pack(goldenInput(name, expected.shape[0] * expected.shape[1]), expected.shape, {
      doubleQuant: name.endsWith('_dq'),
    });
    const nested = array.nested === undefined ? {} : { nested: { ...array.nested, offset: floatOf(expected.offset![0]!) } };
    const entry = toBitsandbytes('a.weight', { ...array, ...nested }).get(`a.weight${state}`)!;
    expect(Buffer.from(entry.data as Uint8Array).toString()).toBe(expected.quant_state_json);
  });

  it('keeps everything through a file, whatever the shape', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (out, inn, doubleQuant) => {
        const array = await pack(goldenInput('x', out * inn), [out, inn], { doubleQuant });
        const bytes = encodeSafetensors(toBitsandbytes('a.weight', array));
        const header = parseHeader(bytes, bytes.length);
        const stored: StoredTensors = {
          has: (name) => header.tensors.has(name),
          names: () => header.tensors.keys(),
          bytes: (name) => {
            const { dtype, shape, begin, end } = header.tensors.get(name)!;
            return Promise.resolve({ dtype, shape, data: bytes.slice(header.dataStart + begin, header.dataStart + end) });
          },
        };
        expect(await fromBitsandbytes(stored, 'a.weight', [out, inn])).toEqual(array);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the quantizer on a backend', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  const shape = [24, 40] as const;
  const values = goldenInput('weights', 24 * 40).map((value) => value * 20);
  const input = goldenInput('x', 3 * 2 * 40).map((value) => value * 20);

  /** Dequantisation by the letter: value of the code times absmax of the flat block, one f32 rounding. */
  const dequantised = (array: Nf4Array): Float64Array =>
    Float64Array.from({ length: 24 * 40 }, (_, i) => {
      const byte = array.packed[i >> 1]!;
      return Math.fround(NF4_VALUES[i % 2 === 0 ? byte >> 4 : byte & 15]! * array.absmax[Math.floor(i / 64)]!);
    });

  it('rounds unpacked values to the dtype that the checkpoint holds, unless told otherwise', async () => {
    const from = async (dtype: string | undefined, options: Nf4Options = {}) =>
      (await nf4Quantizer(options).pack({ ...(dtype === undefined ? {} : { dtype }), ...rowsOf(values, 40) }, shape)) as Nf4Weight;
    expect((await from('BF16')).storage).toBe('bfloat16');
    expect((await from('F16')).storage).toBe('float16');
    expect((await from('F32')).storage).toBe('float32');
    expect((await from(undefined)).storage).toBe('float32');
    expect((await from('BF16', { storageDtype: 'float32' })).storage).toBe('float32');
  });

  it.each(['float32', 'bfloat16', 'float16'] as const)('unpacks %s as the host does', async (storageDtype) => {
    const weight = await nf4Quantizer({ storageDtype }).pack(rowsOf(values, 40), shape);
    const array = await pack(values, shape, { doubleQuant: true, storage: storageDtype });
    const unpacked = nf4Quantizer({ storageDtype }).unpack(weight);
    expect(unpacked.shape).toEqual([24, 40]);
    expect(unpacked.dataSync()).toEqual(unpackArray(array));
    if (storageDtype === 'float32') expect([...unpackArray(array)]).toEqual([...dequantised(array)]);
    unpacked.dispose();
    weight.dispose();
  });

  it('multiplies and differentiates like f64, and keeps no unpacked weight', async () => {
    const quantizer = nf4Quantizer({ doubleQuant: false });
    const array = await pack(values, shape);
    const w = dequantised(array);
    const weight = await quantizer.pack(rowsOf(values, 40), shape);
    expect(weight.bytes).toBe(quantizer.bytes(shape));
    const x = tf.tensor(input, [3, 2, 40]);
    const dy = tf.tensor(
      Float32Array.from({ length: 6 * 24 }, (_, i) => Math.sin(i)),
      [3, 2, 24],
    );
    const before = tf.memory().numTensors;
    const y = quantizer.linear(x, weight);
    const dx = tf.grad((t: typeof x) => quantizer.linear(t, weight))(x, dy);
    expect(tf.memory().numTensors).toBe(before + 2);
    expect(y.shape).toEqual([3, 2, 24]);
    expect(dx.shape).toEqual([3, 2, 40]);
    const [yData, dxData, dyData] = [y.dataSync(), dx.dataSync(), dy.dataSync()];
    for (let row = 0; row < 6; row++) {
      for (let o = 0; o < 24; o++) {
        let sum = 0;
        for (let i = 0; i < 40; i++) sum += input[row * 40 + i]! * w[o * 40 + i]!;
        expect(Math.abs(yData[row * 24 + o]! - sum)).toBeLessThan(2e-5);
      }
      for (let i = 0; i < 40; i++) {
        let sum = 0;
        for (let o = 0; o < 24; o++) sum += dyData[row * 24 + o]! * w[o * 40 + i]!;
        expect(Math.abs(dxData[row * 40 + i]! - sum)).toBeLessThan(2e-5);
      }
    }
    tf.dispose([x, dy, y, dx]);
    weight.dispose();
    expect(tf.memory().numTensors).toBe(before - 2 - 2);
  });

  it('takes rows as they are, without recording reshapes', async () => {
    const quantizer = nf4Quantizer();
    const weight = await quantizer.pack(rowsOf(values, 40), shape);
    const rows = tf.tensor2d(input, [6, 40]);
    const engine = tf.engine();
    const runKernel = engine.runKernel.bind(engine);
    const names: string[] = [];
    engine.runKernel = (name, inputs, attrs) => {
      names.push(name);
      return runKernel(name, inputs, attrs);
    };
    try {
      const y = quantizer.linear(rows, weight);
      expect(y.shape).toEqual([6, 24]);
      expect(names).toContain('NlaNf4Linear');
      expect(names).not.toContain('Reshape');
      const same = quantizer.linear(tf.reshape(rows, [3, 2, 40]), weight);
      expect([...y.dataSync()]).toEqual([...same.dataSync()]);
      tf.dispose([y, same, rows]);
    } finally {
      engine.runKernel = runKernel;
      weight.dispose();
    }
  });

  it('stands in for a product that was kept, with its gradient', async () => {
    const quantizer = nf4Quantizer();
    const weight = await quantizer.pack(rowsOf(values, 40), shape);
    const rows = tf.tensor2d(input, [6, 40]);
    const { result, products } = rememberProducts(() => quantizer.linear(rows, weight));
    expect(products).toHaveLength(1);
    const { kernels } = await tf.profile(() => recallProducts(products, () => quantizer.linear(rows, weight)));
    expect(kernels.map(({ name }) => name)).not.toContain('NlaNf4Linear');
    const gradient = (run: (x: tf.Tensor) => tf.Tensor): number[] => [
      ...tf
        .grad((x) => tf.square(run(x)))(rows)
        .dataSync(),
    ];
    const recalled = gradient((x) => recallProducts(products, () => quantizer.linear(x, weight)));
    expect(recalled).toEqual(gradient((x) => quantizer.linear(x, weight)));
    tf.dispose([rows, result, ...products]);
    weight.dispose();
  });

  it('differentiates a loss through it while other inputs are variables', async () => {
    const quantizer = nf4Quantizer();
    const weight = (await quantizer.pack(rowsOf(values, 40), shape)) as Nf4Weight;
    const variable = tf.variable(tf.tensor2d(input.slice(0, 40), [1, 40]));
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(quantizer.linear(variable, weight))));
    expect(Object.keys(grads)).toEqual([variable.name]);
    const step = 1e-2;
    const loss = (shift: number): number =>
      tf.tidy(() => {
        const moved = input.slice(0, 40);
        moved[5] = moved[5]! + shift;
        return tf.sum(tf.square(quantizer.linear(tf.tensor2d(moved, [1, 40]), weight))).dataSync()[0]!;
      });
    expect(Object.values(grads)[0]!.dataSync()[5]).toBeCloseTo((loss(step) - loss(-step)) / (2 * step), 2);
    variable.dispose();
    tf.dispose(grads);
    weight.dispose();
  });

  it('packs what is stored, and tells a foreign weight', async () => {
    const file = await openSafetensors(fixture('nf4-double.safetensors'));
    const quantizer = nf4Quantizer({ blockSize: 128 });
    const name = 'model.language_model.layers.0.self_attn.q_proj.weight';
    const weight = (await quantizer.packStored!(file, name, [64, 64])) as Nf4Weight;
    expect(weight.blockSize).toBe(64);
    const array = (await fromBitsandbytes(file, name, [64, 64]))!;
    const unpacked = quantizer.unpack(weight);
    expect(unpacked.dataSync()).toEqual(unpackArray(array));
    unpacked.dispose();
    weight.dispose();
    expect(await quantizer.packStored!(file, 'other.weight', [64, 64])).toBeUndefined();
    await file.close();
    expect(() => quantizer.unpack({ shape: [1, 1], bytes: 0, dispose: () => undefined })).toThrow(
      expect.objectContaining({ code: 'E_WEIGHT_FOREIGN' }),
    );
  });

  it('pads odd weights', async () => {
    const array = await pack(goldenInput('odd', 65), [1, 65]);
    const weight = uploadArray(array);
    expect(weight.codes.size).toBe(16);
    const unpacked = nf4Quantizer().unpack(weight);
    expect(unpacked.dataSync()).toEqual(unpackArray(array));
    unpacked.dispose();
    weight.dispose();
  });
});

describe('plugin', () => {
  it('fills in the options and refuses others', async () => {
    const validate = plugin.optionsSchema['~standard'].validate;
    expect(await validate({})).toMatchObject({
      value: { blockSize: 64, doubleQuant: true, computeDtype: 'float32', storageDtype: 'stored' },
    });
    expect(await validate({ blockSize: 48 })).toHaveProperty('issues');
    expect(await validate({ other: 1 })).toHaveProperty('issues');
    expect(() => nf4Quantizer({ blockSize: 8192 })).toThrow(expect.objectContaining({ code: 'E_NF4_BLOCK_SIZE' }));
  });
});
