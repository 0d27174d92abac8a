import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonValue, Tokenizer } from '@nlakit/core';

const fixtures = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '__fixtures__');

/** Path of a fixture. */
export function fixture(...parts: string[]): string {
  return path.join(fixtures, ...parts);
}

/** A tensor of a golden file. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: string;
}

/** The file, parsed. */
export function readGolden<Golden>(...parts: string[]): Golden {
  return JSON.parse(readFileSync(fixture(...parts), 'utf8')) as Golden;
}

/** `config.json` of the tiny model. */
export function tinyConfig(file = 'config.json'): Record<string, JsonValue> {
  return readGolden('gemma4-tiny', file);
}

/** Values of a golden f32 tensor. */
export function floats(tensor: GoldenTensor): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(tensor.data, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** Largest absolute difference. */
export function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((actual[index] ?? NaN) - (expected[index] ?? NaN));
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
  }
  return worst;
}

/** Largest absolute difference in units of the largest expected value. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < expected.length; index++) largest = Math.max(largest, Math.abs(expected[index] ?? 0));
  return maxDifference(actual, expected) / largest;
}

/** The tiny model has no tokenizer; its tests speak in ids. */
export const noTokenizer: Tokenizer = {
  sha256: '',
  vocabularySize: 97,
  bosId: 2,
  eosId: 1,
  padId: 0,
  unkId: undefined,
  encode: () => new Int32Array(),
  decode: () => '',
  idOf: () => undefined,
  tokenOf: () => undefined,
};
