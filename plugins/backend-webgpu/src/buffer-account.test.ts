import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketBytes } from './buffer-account.js';

describe('bucketBytes', () => {
  it('holds the tensor, wastes at most a sixteenth, and is a size that WebGPU can map', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 33 }), (bytes) => {
        const size = bucketBytes(bytes);
        expect(size).toBeGreaterThanOrEqual(bytes);
        expect(size).toBeLessThanOrEqual(Math.max(64, bytes * (1 + 1 / 16) + 16));
        expect(size % 16).toBe(0);
        expect(bucketBytes(size)).toBe(size);
      }),
    );
  });

  it('gives all lengths of a sequence a few sizes', () => {
    const sizes = new Set(Array.from({ length: 512 }, (_, length) => bucketBytes(4 * 256 * (length + 1))));
    expect(sizes.size).toBeLessThan(120);
  });
});
