import type { QuantizedMoments, StepFactors, UpdateKernels } from './update-kernels.js';

/**
 * The updates in plain JavaScript: what every compiled one must equal to the bit, and what computes where there is no WebAssembly
 * (`node --jitless`).
 */
export const plainUpdates: UpdateKernels = { f32: updateF32, quantized: update8bit };

function updateF32(p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, factors: StepFactors): number {
  const { beta1, beta2, epsilon, keep, stepSize, correction2 } = factors;
  const rest1 = 1 - beta1;
  const rest2 = 1 - beta2;
  // One division less per element; the quotient differs in f64's last bit only.
  const inverse2 = 1 / correction2;
  let change = 0;
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i]!;
    const first = Math.fround(beta1 * m[i]! + rest1 * gradient);
    const second = Math.fround(beta2 * v[i]! + rest2 * gradient * gradient);
    m[i] = first;
    v[i] = second;
    const before = p[i]!;
    const after = Math.fround(Math.fround(before * keep) - (stepSize * first) / (Math.sqrt(second) * inverse2 + epsilon));
    p[i] = after;
    change += (after - before) * (after - before);
  }
  return change;
}

function update8bit(
  p: Float32Array,
  g: Float32Array,
  { state1, state2, absmax1, absmax2 }: QuantizedMoments,
  factors: StepFactors,
  { blockSize, floor, signed, unsigned }: Parameters<UpdateKernels['quantized']>[4],
): number {
  const first = new Float32Array(blockSize);
  const second = new Float32Array(blockSize);
  const scaled = new Float32Array(blockSize);
  const bits = new Uint32Array(scaled.buffer);
  let change = 0;
  for (let block = 0, start = 0; start < p.length; block++, start += blockSize) {
    const count = Math.min(blockSize, p.length - start);
    const old1 = absmax1[block]!;
    const old2 = absmax2[block]!;
    for (let i = 0; i < count; i++) {
      first[i] = signed.values[state1[start + i]!]! * old1;
      second[i] = unsigned.values[state2[start + i]!]! * old2;
    }
    const end = start + count;
    change += updateF32(p.subarray(start, end), g.subarray(start, end), first.subarray(0, count), second.subarray(0, count), factors);

    let largest1 = 0;
    let largest2 = 0;
    for (let i = 0; i < count; i++) {
      const magnitude = Math.abs(first[i]!);
      if (magnitude > largest1) largest1 = magnitude;
      if (second[i]! > largest2) largest2 = second[i]!;
    }
    absmax1[block] = largest1;
    absmax2[block] = largest2;
    const divisor1 = largest1 === 0 ? 1 : largest1;
    const divisor2 = largest2 === 0 ? 1 : largest2;
    for (let i = 0; i < count; i++) scaled[i] = first[i]! / divisor1;
    for (let i = 0; i < count; i++) {
      let code = signed.buckets[bits[i]! >>> 16]!;
      if (scaled[i]! > signed.midpoints[code]!) code += 1;
      // 127 is the only zero and counts as positive: a negative moment takes the smallest negative entry, so that it stays negative.
      if (code === 127 && first[i]! < 0) code = 126;
      state1[start + i] = code;
    }
    for (let i = 0; i < count; i++) scaled[i] = second[i]! / divisor2;
    for (let i = 0; i < count; i++) {
      let code = unsigned.buckets[bits[i]! >>> 16]!;
      if (scaled[i]! > unsigned.midpoints[code]!) code += 1;
      if (floor && code === 0 && second[i]! > 0) code = 1;
      state2[start + i] = code;
    }
  }
  return change;
}
