import { readValues, tensorOfCopy, tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { createTensorflowBackend } from './index.js';

const reason = await notInstalled();

const numbers = (count: number, step: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at * step) ** 9);

const shapes: readonly (readonly number[])[] = [[0], [], [3, 1], [301, 257]];

/** Comparing element by element is slow for many. */
const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe.skipIf(reason !== undefined)(`transfers to and from host arrays${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  beforeAll(() => createTensorflowBackend());

  it.each(shapes.map((shape) => ({ shape })))('of shape $shape are exact, in both directions', async ({ shape }) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const [values, more] = [numbers(count, 0.37), numbers(count, 0.11)];
    const tensor = tensorOfCopy(values, shape);
    expect(tensor.shape).toEqual(shape);
    expect(tensor.dtype).toBe('float32');
    expect(bytes(await tensor.data<'float32'>()).equals(bytes(values))).toBe(true);
    // Of the backend's own making, and of a kernel's.
    const target = new Float32Array(count).fill(7);
    await readValues(tensor, target);
    expect(bytes(target).equals(bytes(values))).toBe(true);
    const sum = tf.add(tf.tensor(more, [...shape]), 0);
    await readValues(sum, target, true);
    expect(bytes(target).equals(bytes(values.map((value, at) => value + (more[at] ?? NaN))))).toBe(true);
    tf.dispose([tensor, sum]);
  });

  it('are counted, and freed again', async () => {
    const backend = await createTensorflowBackend();
    const before = backend.memory();
    const values = numbers(1000, 0.5);
    const tensor = tensorOfCopy(values, [10, 100]);
    expect(backend.memory().liveBytes).toBe(before.liveBytes + 4000);
    values.fill(0);
    expect((await tensor.data())[1]).toBe(numbers(1000, 0.5)[1]);
    tensor.dispose();
    expect(backend.memory()).toMatchObject({ liveBytes: before.liveBytes, tensors: before.tensors });
  });

  it('refuse what does not fit', async () => {
    expect(() => tensorOfCopy(new Float32Array(3), [2])).toThrow(/length/);
    await expect(readValues(tf.tensor1d([1, 2]), new Float32Array(3))).rejects.toThrow(/length/);
    await expect(readValues(tf.tensor1d([1, 2], 'int32'), new Float32Array(2))).rejects.toThrow(/precision/);
  });
});
