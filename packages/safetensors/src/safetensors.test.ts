import { mkdir, mkdtemp, open, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isNlaError, type NlaError, type Warning } from '@nlakit/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bitsOf, dtypes } from './dtypes.js';
import { encodeSafetensors, type TensorEntry } from './encode.js';
import { parseHeader } from './header.js';
import { openSafetensors } from './open.js';
import { openModelFolder } from './open-model-folder.js';
import { writeSafetensors } from './write.js';
import { atomicWriteFile } from './atomic-write.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nlakit-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function failure(action: () => Promise<unknown>): Promise<NlaError> {
  try {
    await action();
  } catch (error) {
    if (isNlaError(error)) return error;
    throw error;
  }
  throw new Error('did not fail');
}

const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__metadata__');
const tensor = fc
  .record({
    dtype: fc.constantFrom(...dtypes.filter((dtype) => bitsOf(dtype) % 8 === 0)),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, shape, seed }) => {
    const bytes = (shape.reduce((a, b) => a * b, 1) * bitsOf(dtype)) / 8;
    return { dtype, shape, data: Uint8Array.from({ length: bytes }, (_, i) => (seed + 37 * i) & 255) };
  });
const contents = fc.dictionary(name, tensor, { maxKeys: 8 });
const metadata = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { maxKeys: 3 });

describe('write and read', () => {
  it('gives back what was written, aligned and in the reference order, whatever the order given', async () => {
    const file = path.join(folder, 'property.safetensors');
    await fc.assert(
      fc.asyncProperty(contents, metadata, async (tensors, notes) => {
        const entries = Object.entries(tensors) as [string, TensorEntry][];
        const bytes = encodeSafetensors(entries, notes);
        expect(encodeSafetensors(entries.reverse(), notes)).toEqual(bytes);
        expect(await writeSafetensors(file, entries, notes)).toBe(bytes.byteLength);
        expect(new Uint8Array(await readFile(file))).toEqual(bytes);
        const header = parseHeader(bytes, bytes.byteLength);
        expect(header.dataStart % 8).toBe(0);
        const begins = [...header.tensors.values()].map((info) => info.begin);
        expect(begins).toEqual([...begins].sort((a, b) => a - b));
        for (const info of header.tensors.values()) {
          if (info.end > info.begin) expect((info.begin * 8) % bitsOf(info.dtype)).toBe(0);
        }
        const opened = await openSafetensors(file);
        expect([...opened.names()].sort()).toEqual(Object.keys(tensors).sort());
        expect({ ...opened.metadata }).toEqual({ ...notes });
        for (const [key, entry] of entries) expect(await opened.bytes(key)).toEqual(entry);
        await opened.close();
      }),
      { numRuns: 60 },
    );
  });

  it('never accepts a file with a byte less or more, and survives any damage to the header', () => {
    const bytes = encodeSafetensors([
      ['a', { shape: [3], data: Float32Array.of(1, 2, 3) }],
      ['b', { shape: [2], data: Uint8Array.of(1, 2) }],
    ]);
    expect(() => parseHeader(bytes, bytes.byteLength - 1)).toThrow();
    expect(() => parseHeader(bytes, bytes.byteLength + 1)).toThrow();
    fc.assert(
      fc.property(fc.nat(bytes.byteLength - 1), fc.nat(255), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        try {
          parseHeader(damaged, damaged.byteLength);
        } catch (error) {
          expect(isNlaError(error)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (json) => {
        const bytes = Uint8Array.of(json.length, 0, 0, 0, 0, 0, 0, 0, ...json);
        try {
          parseHeader(bytes, bytes.byteLength);
        } catch (error) {
          expect(isNlaError(error)).toBe(true);
        }
      }),
    );
  });

  it('writes the bytes of the reference writer', () => {
    // safetensors.numpy.save({'b': f32 [2], 'a': u8 [1], 'c': f32 [1]}, {'format': 'pt'})
    const bytes = encodeSafetensors(
      [
        ['b', { shape: [2], data: Float32Array.of(1, 2) }],
        ['a', { shape: [1], data: Uint8Array.of(7) }],
        ['c', { shape: [1], data: Float32Array.of(3) }],
      ],
      { format: 'pt' },
    );
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + bytes[0]! + 256 * bytes[1]!));
    expect(text.trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"c":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"a":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}}',
    );
  });

  it('streams, and refuses a stream of the wrong length without leaving anything behind', async () => {
    const file = path.join(folder, 'stream', 'x.safetensors');
    await mkdir(path.dirname(file));
    const pieces = function* () {
      yield Uint8Array.of(1, 2, 3);
      yield Uint8Array.of(4);
    };
    await writeSafetensors(file, [['a', { dtype: 'U8', shape: [4], data: pieces }]]);
    const opened = await openSafetensors(file);
    const read: number[] = [];
    for await (const piece of opened.stream('a', 3)) read.push(...piece);
    expect(read).toEqual([1, 2, 3, 4]);
    await opened.close();
    const before = await readFile(file);
    const error = await failure(() => writeSafetensors(file, [['a', { dtype: 'U8', shape: [5], data: pieces }]]));
    expect(error.code).toBe('E_SAFETENSORS_TENSOR_INVALID_INFO');
    expect(error.details.file).toBe(file);
    expect(await readFile(file)).toEqual(before);
    expect(await readdir(path.dirname(file))).toEqual(['x.safetensors']);
  });

  it.each([
    [
      'DUPLICATE_KEY',
      [
        ['a', { shape: [0], data: new Uint8Array() }],
        ['a', { shape: [0], data: new Uint8Array() }],
      ],
    ],
    ['NAME', [['__metadata__', { shape: [0], data: new Uint8Array() }]]],
    ['NAME', [['\ud800', { shape: [0], data: new Uint8Array() }]]],
    ['TENSOR_INVALID_INFO', [['a', { shape: [2], data: new Float32Array(3) }]]],
    ['TENSOR_INVALID_INFO', [['a', { shape: [-1], data: new Float32Array(3) }]]],
    ['DTYPE', [['a', { dtype: 'I64', shape: [3], data: new Float32Array(3) }]]],
    ['MISALIGNED_SLICE', [['a', { dtype: 'F4', shape: [3], data: new Uint8Array(2) }]]],
  ] as [string, [string, TensorEntry][]][])('refuses to write: %s', (errorClass, entries) => {
    expect(() => encodeSafetensors(entries)).toThrow(expect.objectContaining({ code: `E_SAFETENSORS_${errorClass}` }));
  });
});

describe('ranged reads', () => {
  it('reads rows of every float dtype', async () => {
    const file = path.join(folder, 'rows.safetensors');
    const values = Float32Array.from({ length: 24 }, (_, i) => i - 8);
    const entry = (dtype: 'F32' | 'BF16' | 'F16'): TensorEntry => ({ dtype, shape: [4, 3, 2], data: values });
    await writeSafetensors(file, [
      ['f32', entry('F32')],
      ['bf16', entry('BF16')],
      ['f16', entry('F16')],
      ['odd', { shape: [1], data: Uint8Array.of(1) }],
      ['flat', { shape: [24], data: values }],
    ]);
    const opened = await openSafetensors(file);
    for (const key of ['f32', 'bf16', 'f16']) {
      expect(await opened.float32(key)).toEqual(values);
      expect(await opened.rows(key, 1, 2)).toEqual(values.slice(6, 18));
      expect(await opened.rows(key, 4, 0)).toEqual(new Float32Array());
    }
    expect(await opened.rows('flat', 3, 2)).toEqual(values.slice(3, 5));
    expect((await failure(() => opened.rows('f32', 3, 2))).code).toBe('E_SAFETENSORS_RANGE');
    expect((await failure(() => opened.float32('odd'))).code).toBe('E_SAFETENSORS_DTYPE');
    expect((await failure(() => opened.bytes('none'))).code).toBe('E_SAFETENSORS_TENSOR_NOT_FOUND');
    await truncate(file, 200);
    expect((await failure(() => opened.float32('flat'))).code).toBe('E_SAFETENSORS_READ');
    await opened.close();
  });

  it('reads any rows of any tensor as if it had read the whole', async () => {
    const file = path.join(folder, 'any-rows.safetensors');
    const shaped = fc.record({
      dtype: fc.constantFrom('F32', 'BF16', 'F16'),
      rows: fc.integer({ min: 1, max: 6 }),
      inner: fc.array(fc.nat(4), { maxLength: 2 }),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      to: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(shaped, { minLength: 1, maxLength: 4 }), async (tensors) => {
        const width = (inner: readonly number[]): number => inner.reduce((a, b) => a * b, 1);
        const entries = tensors.map(({ dtype, rows, inner }, t): [string, TensorEntry] => [
          `t${t}`,
          { dtype, shape: [rows, ...inner], data: Float32Array.from({ length: rows * width(inner) }, (_, i) => i - 7 * t) },
        ]);
        await writeSafetensors(file, entries);
        const opened = await openSafetensors(file);
        const stored = await readFile(file);
        for (const [t, { rows, inner, from, to }] of tensors.entries()) {
          const [start, end] = [from, to].map((part) => Math.floor(part * rows)).sort((a, b) => a - b) as [number, number];
          const whole = await opened.float32(`t${t}`);
          expect(whole).toEqual(entries[t]?.[1].data);
          expect(await opened.rows(`t${t}`, start, end - start)).toEqual(whole.slice(start * width(inner), end * width(inner)));
          const { position, bytes } = opened.locate(`t${t}`);
          expect(new Uint8Array(stored.subarray(position, position + bytes))).toEqual((await opened.bytes(`t${t}`)).data);
        }
        await opened.close();
      }),
      { numRuns: 40 },
    );
  });

  it.skipIf(process.platform === 'win32')('reads no more of a file of 13 GB than it is asked for', async () => {
    // A sparse file: only the header and three places are on the disk.
    const file = path.join(folder, 'huge.safetensors');
    const [rows, width] = [262_144, 8_960];
    const [tableBytes, blobBytes] = [rows * width * 2, 8 * 2 ** 30];
    const entry = (dtype: string, shape: number[], begin: number, end: number) => ({ dtype, shape, data_offsets: [begin, end] });
    const text = JSON.stringify({
      table: entry('BF16', [rows, width], 0, tableBytes),
      blob: entry('U8', [blobBytes], tableBytes, tableBytes + blobBytes),
      last: entry('F32', [2], tableBytes + blobBytes, tableBytes + blobBytes + 8),
    });
    const head = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
    head.writeBigUInt64LE(BigInt(head.length - 8));
    head.write(text, 8);
    const handle = await open(file, 'w');
    await handle.truncate(head.length + tableBytes + blobBytes + 8);
    await handle.write(head, 0, head.length, 0);
    // The last two values of the table, beyond 4 GiB, and the last tensor, beyond 12.
    await handle.write(Uint8Array.of(0x80, 0x3f, 0x00, 0xc0), 0, 4, head.length + tableBytes - 4);
    await handle.write(Uint8Array.of(1, 2, 3), 0, 3, head.length + tableBytes + 7 * 2 ** 30);
    await handle.write(new Uint8Array(Float32Array.of(2.5, -1).buffer), 0, 8, head.length + tableBytes + blobBytes);
    await handle.close();

    const bytesRead = async (): Promise<number> =>
      process.platform === 'linux' ? Number(/rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]) : 0;
    const resident = process.memoryUsage().rss;
    const before = await bytesRead();
    const opened = await openSafetensors(file);
    const row = await opened.rows('table', rows - 1, 1);
    expect(row).toHaveLength(width);
    expect([...row.subarray(-3)]).toEqual([0, 1, -2]);
    expect(await opened.float32('last')).toEqual(Float32Array.of(2.5, -1));
    let at = 0;
    for await (const piece of opened.stream('blob', 2 ** 20)) {
      at += piece.byteLength;
      if (at === 4 * 2 ** 20) break;
    }
    const { position } = opened.locate('blob');
    expect(position).toBe(head.length + tableBytes);
    await opened.close();
    expect((await bytesRead()) - before).toBeLessThan(5 * 2 ** 20);
    expect(process.memoryUsage().rss - resident).toBeLessThan(200 * 2 ** 20);
  });

  it('names the path of what cannot be opened', async () => {
    const missing = path.join(folder, 'missing.safetensors');
    const error = await failure(() => openSafetensors(missing));
    expect([error.code, error.details.file, error.details.kind]).toEqual(['E_SAFETENSORS_OPEN', missing, 'input']);
    expect((await failure(() => openSafetensors(folder))).code).toBe('E_SAFETENSORS_OPEN');
    const empty = path.join(folder, 'empty.safetensors');
    await writeFile(empty, '');
    expect((await failure(() => openSafetensors(empty))).code).toBe('E_SAFETENSORS_HEADER_TOO_SMALL');
  });
});

describe('openModelFolder', () => {
  const one = (key: string, value: number): Uint8Array => encodeSafetensors([[key, { shape: [1], data: Float32Array.of(value) }]]);
  const model = async (label: string, files: Record<string, Uint8Array | string>): Promise<string> => {
    const place = path.join(folder, label);
    await mkdir(place, { recursive: true });
    for (const [file, bytes] of Object.entries(files)) await writeFile(path.join(place, file), bytes);
    return place;
  };
  const index = (map: Record<string, string>): string => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });

  it('opens a single file and shards alike', async () => {
    const whole = await openModelFolder(await model('single', { 'model.safetensors': one('a', 1) }));
    expect(await whole.float32('a')).toEqual(Float32Array.of(1));
    await whole.close();
    const sharded = await openModelFolder(
      await model('shards', {
        'model-1.safetensors': one('a', 1),
        'model-2.safetensors': one('b', 2),
        'model.safetensors.index.json': index({ a: 'model-1.safetensors', b: 'model-2.safetensors' }),
      }),
    );
    expect([...sharded.names()]).toEqual(['a', 'b']);
    expect(await sharded.float32('b')).toEqual(Float32Array.of(2));
    expect(await sharded.rows('a', 0, 1)).toEqual(Float32Array.of(1));
    expect((await failure(() => sharded.float32('c'))).code).toBe('E_SAFETENSORS_TENSOR_NOT_FOUND');
    expect(sharded.locate('b').file).toBe(path.join(folder, 'shards', 'model-2.safetensors'));
    await sharded.close();
  });

  it.each([
    [4, []],
    [5, ['W_SAFETENSORS_TOTAL_SIZE']],
    [undefined, []],
  ])('warns of a total_size that is not that of the tensors, and opens the model: %s', async (totalSize, expected) => {
    const place = await model(`total-${totalSize}`, {
      'm.safetensors': one('a', 1),
      'model.safetensors.index.json': JSON.stringify({ metadata: { total_size: totalSize }, weight_map: { a: 'm.safetensors' } }),
    });
    const warnings: Warning[] = [];
    const opened = await openModelFolder(place, { onWarning: (warning) => warnings.push(warning) });
    expect(await opened.float32('a')).toEqual(Float32Array.of(1));
    await opened.close();
    expect(warnings.map(({ code }) => code)).toEqual(expected);
    if (totalSize === 5) expect(warnings[0]?.message).toMatch(/index\.json says total_size 5, .* 4 bytes/);
  });

  it.each([
    ['a name its shard lacks', { 'm.safetensors': one('a', 1) }, index({ a: 'm.safetensors', b: 'm.safetensors' }), 'INDEX'],
    ['a tensor outside the index', { 'm.safetensors': one('a', 1), 'n.safetensors': one('a', 2) }, index({ b: 'n.safetensors' }), 'INDEX'],
    [
      'a tensor in two shards',
      {
        'm.safetensors': one('a', 1),
        'n.safetensors': encodeSafetensors([
          ['a', { shape: [0], data: new Uint8Array() }],
          ['b', { shape: [0], data: new Uint8Array() }],
        ]),
      },
      index({ a: 'm.safetensors', b: 'n.safetensors' }),
      'INDEX',
    ],
    ['a path upwards', { 'm.safetensors': one('a', 1) }, index({ a: '../m.safetensors' }), 'INDEX'],
    ['a windows path', { 'm.safetensors': one('a', 1) }, index({ a: 'c:m.safetensors' }), 'INDEX'],
    ['a missing shard', {}, index({ a: 'm.safetensors' }), 'OPEN'],
    ['a duplicate name', { 'm.safetensors': one('a', 1) }, '{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}', 'INDEX'],
    ['no map', {}, '{}', 'INDEX'],
    ['no JSON', {}, '{', 'INDEX'],
  ] as [string, Record<string, Uint8Array>, string, string][])('refuses %s', async (label, files, text, errorClass) => {
    const place = await model(label.replaceAll(' ', '-'), { ...files, 'model.safetensors.index.json': text });
    expect((await failure(() => openModelFolder(place))).code).toBe(`E_SAFETENSORS_${errorClass}`);
  });

  it('refuses a folder without weights', async () => {
    expect((await failure(async () => openModelFolder(await model('none', {})))).code).toBe('E_SAFETENSORS_FOLDER');
  });
});

describe('atomicWriteFile', () => {
  it('replaces a file and leaves nothing else', async () => {
    const place = path.join(folder, 'atomic');
    await mkdir(place);
    const file = path.join(place, 'a.txt');
    expect(await atomicWriteFile(file, 'ä')).toBe(2);
    expect(await atomicWriteFile(file, Uint8Array.of(66, 67))).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('BC');
    expect(await readdir(place)).toEqual(['a.txt']);
  });

  it('names the path, the cause and the remedy', async () => {
    const file = path.join(folder, 'nowhere', 'a.txt');
    const error = await failure(() => atomicWriteFile(file, 'x'));
    expect([error.code, error.details.file, (error.cause as NodeJS.ErrnoException).code]).toEqual(['E_WRITE', file, 'ENOENT']);
    expect(error.details.fix).toMatch(/folder/);
  });

  it('reports a target that is a folder and removes the temporary file', async () => {
    const place = path.join(folder, 'blocked');
    await mkdir(path.join(place, 'a.txt', 'inner'), { recursive: true });
    const error = await failure(() => atomicWriteFile(path.join(place, 'a.txt'), 'x'));
    expect(error.code).toBe('E_WRITE');
    expect(await readdir(place)).toEqual(['a.txt']);
  });

  it.runIf(process.platform === 'linux')('reports a full disk', async () => {
    // /dev/full answers every write with ENOSPC; a temporary file cannot be placed there, so the write itself is provoked.
    const place = path.join(folder, 'full');
    await mkdir(place);
    await symlink('/dev/full', path.join(place, 'disk'));
    const full = await open(path.join(place, 'disk'), 'w');
    const cause = await full.write('x').catch((error: unknown) => error);
    await full.close();
    const source = (async function* () {
      yield Uint8Array.of(1);
      throw cause;
    })();
    const error = await failure(() => atomicWriteFile(path.join(place, 'a.bin'), source));
    expect([error.code, (error.cause as NodeJS.ErrnoException).code]).toEqual(['E_WRITE', 'ENOSPC']);
    expect(error.details.fix).toMatch(/space/);
    expect(await readdir(place)).toEqual(['disk']);
  });
});
