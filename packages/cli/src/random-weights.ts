import { createHash } from 'node:crypto';
import type { RandomStream } from '@nlakit/core';
import { encodeBf16 } from '@nlakit/safetensors';

/** Values handed out at a time: 2 MiB of bfloat16. */
const pieceLength = 1 << 20;

/** 65,536 samples of a distribution, to be drawn from. Five billion weights cannot each be drawn from a normal distribution. */
export function sampleTable(random: RandomStream, draw: (random: RandomStream) => number): Float32Array {
  return Float32Array.from({ length: 1 << 16 }, () => draw(random));
}

/**
 * `count` values of `table`, times `scale` and plus `offset`, as little-endian bfloat16, piece by piece. The same seed and name give the
 * same bytes on every machine: the picks come from sfc32, seeded with the sha256 of both, two of them a step.
 */
export function* randomWeights(
  table: Float32Array,
  { seed, name, count, scale, offset = 0 }: { seed: number; name: string; count: number; scale: number; offset?: number },
): Generator<Uint8Array> {
  const bits = encodeBf16(table.map((value) => value * scale + offset));
  const digest = createHash('sha256').update(`${seed}|${name}`).digest();
  let [a, b, c, counter] = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1];
  for (let done = 0; done < count; done += pieceLength) {
    const length = Math.min(pieceLength, count - done);
    const bytes = new Uint8Array(length * 2);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < length; index += 2) {
      const sum = (a + b + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      view.setUint16(index * 2, bits[sum & 0xffff] ?? 0, true);
      if (index + 1 < length) view.setUint16(index * 2 + 2, bits[sum >>> 16] ?? 0, true);
    }
    yield bytes;
  }
}
