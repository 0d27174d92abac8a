import '@tensorflow/tfjs-backend-cpu';
import type { PackedWeight, RowSource } from '@nlakit/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { isPlainWeight, plain, plainQuantizer, plainWeight, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

function rowsOf(values: Float32Array, width: number): RowSource & { reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    reads,
    read(start, count) {
      reads.push([start, count]);
      return Promise.resolve(values.slice(start * width, (start + count) * width));
    },
  };
}

describe('plainQuantizer', () => {
  it('keeps f32 values, reads a large matrix a part at a time and frees what it packed', async () => {
    const values = Float32Array.from({ length: 2500 * 2 }, (_, index) => Math.sin(index));
    const quantizer = plainQuantizer({ dtype: 'f32' });
    const source = rowsOf(values, 2);
    const before = tf.memory().numTensors;
    const weight = await quantizer.pack(source, [2500, 2]);
    expect(source.reads).toEqual([
      [0, 1024],
      [1024, 1024],
      [2048, 452],
    ]);
    expect([weight.shape, weight.bytes, quantizer.bytes([2500, 2])]).toEqual([[2500, 2], 20_000, 20_000]);
    const unpacked = quantizer.unpack(weight);
    expect(await unpacked.data()).toEqual(values);
    unpacked.dispose();
    expect(await quantizer.unpack(weight).data()).toEqual(values);
    weight.dispose();
    expect(tf.memory().numTensors).toBe(before + 1);
  });

  it('rounds to bfloat16, ties to even', async () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -0, Infinity, NaN, -3.140625 - 2 ** -9);
    const weight = await plainQuantizer({ dtype: 'bf16' }).pack(rowsOf(values, 8), [1, 8]);
    const unpacked = plainQuantizer({ dtype: 'bf16' }).unpack(weight);
    expect(Array.from(await unpacked.data())).toEqual([1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -0, Infinity, NaN, -3.140625]);
  });

  it('multiplies by the transposed weight, differentiable in the input and in a variable', async () => {
    const quantizer = plainQuantizer({ dtype: 'f32', trainable: true });
    const weight = await quantizer.pack(rowsOf(Float32Array.of(1, 2, 3, 4, 5, 6), 2), [3, 2]);
    if (!isPlainWeight(weight)) expect.fail('not a plain weight');
    const x = tf.tensor3d([[[1, -1]], [[2, 0]]]);
    expect(await quantizer.linear(x, weight).array()).toEqual([[[-1, -1, -1]], [[2, 6, 10]]]);
    const { grads } = tf.variableGrads(() => tf.sum(quantizer.linear(x, weight)));
    expect(await Object.values(grads)[0]?.array()).toEqual([
      [3, -1],
      [3, -1],
      [3, -1],
    ]);
    expect(
      await tf
        .grad((value) => tf.sum(quantizer.linear(value, weight)))(x)
        .array(),
    ).toEqual([[[9, 12]], [[9, 12]]]);
    weight.dispose();
  });

  it('takes a tensor as a weight', () => {
    const weight = plainWeight(tf.ones([2, 3]));
    expect([weight.shape, weight.bytes]).toEqual([[2, 3], 24]);
  });

  it('refuses a weight that another quantizer packed', () => {
    const foreign: PackedWeight = { shape: [1, 1], bytes: 1, dispose: () => undefined };
    expect(() => plainQuantizer({ dtype: 'f32' }).unpack(foreign)).toThrowError(expect.objectContaining({ code: 'E_WEIGHT_FOREIGN' }));
  });
});

describe('plain', () => {
  it('is a quantizer plugin with checked options', async () => {
    expect([plain.kind, plain.name]).toEqual(['quantizer', '@nlakit/ops']);
    const validate = plain.optionsSchema['~standard'].validate;
    expect(await validate({})).toEqual({ value: { dtype: 'f32' } });
    expect((await validate({ dtype: 'f16' })).issues).toHaveLength(1);
    expect((await validate({ dtyp: 'f32' })).issues).toHaveLength(1);
    expect((await plain.create({ dtype: 'bf16' }, {} as never)).record).toEqual({ dtype: 'bf16' });
  });
});
