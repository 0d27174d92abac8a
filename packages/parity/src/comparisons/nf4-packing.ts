import { packRows, unpackArray, rebuildAbsmax, type Nf4Array } from '@nlakit/quantizer-nf4';
import type { Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { sha256 } from './adamw-8bit.js';
import { references } from './references.js';

interface PackingCase {
  readonly shape: readonly [number, number];
  readonly packed_sha256: string;
  readonly nested_absmax: readonly string[] | null;
  readonly offset: readonly string[] | null;
  readonly deq_sha256: string | null;
}

/** What bitsandbytes packed from known weights, beside what we pack from them: the same bytes, and the same values back. */
export function nf4PackingComparisons(): Comparison[] {
  const golden = Object.entries(readGolden<Record<string, PackingCase>>('nf4', 'golden_nf4.json'));
  const common = { group: 'nf4', reference: references.bitsandbytes, tolerance: 0, place: 'host' } as const;
  const dequantised = golden.filter(([, { deq_sha256: hash }]) => hash !== null);
  return [
    {
      ...common,
      comparison: `packed nibbles of ${golden.length} weights (sha256)`,
      quantity: 'weights that differ',
      run: () => differing(golden, (array, { packed_sha256: hash }) => sha256(contentOf(array)) === hash),
    },
    {
      ...common,
      comparison: `dequantised values of ${dequantised.length} packed weights (sha256)`,
      quantity: 'weights that differ',
      run: () => differing(dequantised, (array, expected) => sha256(unpackArray(withGivenOffset(array, expected))) === expected.deq_sha256),
    },
  ];
}

async function differing(cases: readonly [string, PackingCase][], same: (array: Nf4Array, expected: PackingCase) => boolean) {
  const wrong: string[] = [];
  for (const [name, expected] of cases) {
    const values = goldenInput(name, expected.shape[0] * expected.shape[1]);
    const [, inn] = expected.shape;
    const rows = { read: (start: number, count: number) => Promise.resolve(values.slice(start * inn, (start + count) * inn)) };
    const array = await packRows(rows, expected.shape, { blockSize: 64, doubleQuant: name.endsWith('_dq'), storage: 'float32' });
    if (!same(array, expected)) wrong.push(name);
  }
  return { maxError: wrong.length, ...(wrong.length === 0 ? {} : { note: wrong.join(', ') }) };
}

/** The generator that the golden inputs were made with. */
function goldenInput(name: string, count: number): Float32Array {
  let state = 12345;
  const values = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(Math.fround((state / 2 ** 32) * 2 - 1) * Math.fround(0.05));
  });
  if (name.startsWith('zeros')) values.fill(0, 0, 64);
  return values;
}

/** Without the padding to a whole number of 64 elements. */
function contentOf(array: Nf4Array): Uint8Array {
  return array.packed.subarray(0, Math.ceil((array.shape[0] * array.shape[1]) / 2));
}

/** torch adds up the mean of the block maxima in another order, one unit in the last place away; from there on everything is exact. */
function withGivenOffset(array: Nf4Array, { offset, nested_absmax: absmax }: PackingCase): Nf4Array {
  const [given] = offset ?? [];
  if (array.nested === undefined || given === undefined || absmax === null) return array;
  return { ...array, absmax: rebuildAbsmax({ ...array.nested, offset: floatOf(given), absmax: Float32Array.from(absmax, floatOf) }) };
}

function floatOf(hex: string): number {
  return Buffer.from(hex, 'hex').readFloatBE();
}
