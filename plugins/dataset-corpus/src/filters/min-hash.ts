import { createHash } from 'node:crypto';

/** Hash functions of a signature. */
const size = 128;
/** Signatures are compared where one of their bands is equal: 16 bands of 8 find nine in ten pairs of Jaccard similarity 0.8. */
const bandSize = 8;
/** Words of a shingle. */
const shingleWords = 5;

/** Multipliers (odd) and offsets of the hash functions, from a fixed text: signatures are the same on every machine. */
const coefficients = Uint32Array.from({ length: 2 * size }, (_, index) => {
  const word = createHash('sha256').update(`nlakit min-hash ${index}`).digest().readUInt32LE(0);
  return index < size ? word | 1 : word;
});

/**
 * The MinHash signature of a text, `[128]`: the smallest value of each hash function over its shingles of five words (lower case, without
 * punctuation). The share of places in which two signatures agree estimates the Jaccard similarity of the sets of shingles (Broder 1997).
 * Texts of fewer words are one shingle.
 */
export function minHash(text: string): Uint32Array {
  const signature = new Uint32Array(size).fill(0xffffffff);
  for (const shingle of shingles(text)) {
    const base = hash32(shingle);
    for (let index = 0; index < size; index += 1) {
      const value = mix((Math.imul(base, coefficients[index] ?? 1) + (coefficients[size + index] ?? 0)) >>> 0);
      if (value < (signature[index] ?? 0)) signature[index] = value;
    }
  }
  return signature;
}

/** Estimated Jaccard similarity of two signatures, in [0, 1]. */
export function similarity(one: Uint32Array, other: Uint32Array): number {
  let equal = 0;
  for (let index = 0; index < size; index += 1) if (one[index] === other[index]) equal += 1;
  return equal / size;
}

/** The keys under which a signature is looked for: one for each band of 8 places. */
export function bandKeys(signature: Uint32Array): string[] {
  return Array.from({ length: size / bandSize }, (_, band) =>
    [band, ...signature.subarray(band * bandSize, (band + 1) * bandSize)].map((value) => value.toString(36)).join('.'),
  );
}

function shingles(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const count = Math.max(1, words.length - shingleWords + 1);
  return new Set(Array.from({ length: count }, (_, start) => words.slice(start, start + shingleWords).join(' ')));
}

/** FNV-1a over UTF-16 code units. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: a multiplication alone leaves the order of small differences. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
