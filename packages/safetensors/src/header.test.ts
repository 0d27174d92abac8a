import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNlaError } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { parseHeader } from './header.js';
import { openSafetensors } from './open.js';

type Case = { readonly hex: string; readonly result_safetensors_0_8_0: string };
const cases = JSON.parse(readFileSync(new URL('./__fixtures__/safetensors-cases.json', import.meta.url), 'utf8')) as Record<string, Case>;

/** Files that the reference parser accepts and ours does not, with our reason. */
const stricter: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'dup tensor key': 'E_SAFETENSORS_DUPLICATE_KEY',
    'dup tensor key 2': 'E_SAFETENSORS_DUPLICATE_KEY',
    'dup in metadata': 'E_SAFETENSORS_DUPLICATE_KEY',
    'zero first then overflow': 'E_SAFETENSORS_UNSAFE_INTEGER',
  }),
);

/** Our code for a message of the reference parser. */
function expectedCode(name: string, result: string): string {
  if (name === 'dup field' || name === 'dup metadata') return 'E_SAFETENSORS_DUPLICATE_KEY';
  const classes: readonly (readonly [string, string])[] = [
    ['header too small', 'HEADER_TOO_SMALL'],
    ['header too large', 'HEADER_TOO_LARGE'],
    ['invalid header length', 'INVALID_HEADER_LENGTH'],
    ['invalid UTF-8 in header', 'INVALID_HEADER'],
    ['invalid JSON in header', 'INVALID_HEADER_DESERIALIZATION'],
    ['invalid offset', 'INVALID_OFFSET'],
    ['overflow', 'VALIDATION_OVERFLOW'],
    ['byte boundary', 'MISALIGNED_SLICE'],
    ['invalid shape, data type, or offset', 'TENSOR_INVALID_INFO'],
    ['file not fully covered', 'METADATA_INCOMPLETE_BUFFER'],
  ];
  const found = classes.find(([text]) => result.includes(text));
  if (found === undefined) throw new Error(`no class for ${result}`);
  return `E_SAFETENSORS_${found[1]}`;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return isNlaError(error) ? error.code : `not an NlaError: ${String(error)}`;
  }
  return 'accepted';
}

describe('parseHeader on the files judged by safetensors 0.8.0', () => {
  it('has them all', () => {
    const verdicts = Object.values(cases).map((one) => one.result_safetensors_0_8_0.startsWith('OK'));
    expect(verdicts.filter(Boolean)).toHaveLength(24);
    expect(verdicts).toHaveLength(71);
  });

  it.each(Object.entries(cases))('%s', (name, one) => {
    const bytes = Buffer.from(one.hex, 'hex');
    const code = codeOf(() => parseHeader(bytes, bytes.byteLength));
    const accepted = one.result_safetensors_0_8_0.startsWith('OK');
    expect(code).toBe(stricter.get(name) ?? (accepted ? 'accepted' : expectedCode(name, one.result_safetensors_0_8_0)));
  });

  it('judges them from disk as it does from memory, and names the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nlakit-header-'));
    try {
      for (const [index, [name, one]] of Object.entries(cases).entries()) {
        const bytes = Buffer.from(one.hex, 'hex');
        const file = join(folder, `${index}.safetensors`);
        await writeFile(file, bytes);
        const found = await openSafetensors(file).then(
          async (opened) => {
            for (const tensor of opened.names()) expect((await opened.bytes(tensor)).shape).toBeDefined();
            await opened.close();
            return 'accepted';
          },
          (error: unknown) => {
            expect(isNlaError(error) && error.details.file).toBe(file);
            return isNlaError(error) ? error.code : '';
          },
        );
        expect(`${name}: ${found}`).toBe(`${name}: ${codeOf(() => parseHeader(bytes, bytes.byteLength))}`);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('parseHeader', () => {
  const file = (json: string, data = 0): Uint8Array => {
    const text = Buffer.from(json);
    const bytes = Buffer.alloc(8 + text.byteLength + data);
    bytes.writeBigUInt64LE(BigInt(text.byteLength));
    text.copy(bytes, 8);
    return bytes;
  };

  it('keeps the order, the metadata and dangerous names', () => {
    const bytes = file(
      '{"__metadata__":{"__proto__":"x"},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"__proto__":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}',
      8,
    );
    const header = parseHeader(bytes, bytes.byteLength);
    expect([...header.tensors.keys()]).toEqual(['b', '__proto__']);
    expect(header.tensors.get('__proto__')).toEqual({ dtype: 'U8', shape: [2, 2], begin: 0, end: 4 });
    expect(Object.entries(header.metadata)).toEqual([['__proto__', 'x']]);
    expect(header.dataStart).toBe(bytes.byteLength - 8);
  });

  it.each([
    ['a duplicate field that would be ignored', '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1,"x":2}}', 'DUPLICATE_KEY'],
    [
      'an escaped duplicate',
      '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      'DUPLICATE_KEY',
    ],
    ['a lone low surrogate', '{"__metadata__":{"a":"\\udc00"}}', 'INVALID_HEADER_DESERIALIZATION'],
    ['a raw control character', '{"__metadata__":{"a":"\n"}}', 'INVALID_HEADER_DESERIALIZATION'],
    ['an integer that would be rounded', '{"a":{"dtype":"U8","shape":[0,9007199254740993],"data_offsets":[0,0]}}', 'UNSAFE_INTEGER'],
    ['minus zero', '{"a":{"dtype":"U8","shape":[0],"data_offsets":[-0,0]}}', 'INVALID_HEADER_DESERIALIZATION'],
    ['a leading zero', '{"a":{"dtype":"U8","shape":[00],"data_offsets":[0,0]}}', 'INVALID_HEADER_DESERIALIZATION'],
    ['a trailing comma', '{"a":{"dtype":"U8","shape":[0,],"data_offsets":[0,0]}}', 'INVALID_HEADER_DESERIALIZATION'],
    ['a comment', '{/**/}', 'INVALID_HEADER_DESERIALIZATION'],
    ['a number as tensor', '{"a":1}', 'INVALID_HEADER_DESERIALIZATION'],
  ])('refuses %s', (_name, json, errorClass) => {
    const bytes = file(json);
    expect(codeOf(() => parseHeader(bytes, bytes.byteLength, 'x.safetensors'))).toBe(`E_SAFETENSORS_${errorClass}`);
  });

  it('accepts surrogate pairs, escaped or not', () => {
    const bytes = file(
      '{"\\ud83d\\ude00":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"😁":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    );
    expect([...parseHeader(bytes, bytes.byteLength).tensors.keys()]).toEqual(['😀', '😁']);
  });

  it('does not overflow the stack', () => {
    const bytes = file(`{"a":${'['.repeat(1_000_000)}`);
    expect(codeOf(() => parseHeader(bytes, bytes.byteLength))).toBe('E_SAFETENSORS_INVALID_HEADER_DESERIALIZATION');
  });
});
