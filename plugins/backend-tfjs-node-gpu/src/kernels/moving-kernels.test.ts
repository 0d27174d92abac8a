import { tf } from '@nlakit/ops';
import { describe, expect, it, vi } from 'vitest';
import { notInstalled } from '../__fixtures__/not-installed.js';
import { createTensorflowBackend } from '../index.js';
import { currentEngine } from '../tensorflow-engine.js';

const reason = await notInstalled();

type Shape = readonly number[];
type Place = readonly number[];

const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);
/** All places of a shape in row-major order. */
function placesOf(shape: Shape): Place[] {
  return Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const place: number[] = [];
    for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
      place.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    return place;
  });
}
/** The element at a place of {@link counted}, each another; what lies outside is wrapped, so that mistakes have values too. */
const at = (shape: Shape, place: Place): number =>
  1 + place.reduce((flat, index, axis) => flat * shape[axis]! + (((index % shape[axis]!) + shape[axis]!) % shape[axis]!), 0);
const counted = (shape: Shape, dtype: 'float32' | 'int32'): tf.Tensor =>
  tf.tensor(
    Array.from({ length: sizeOf(shape) }, (_, index) => index + 1),
    [...shape],
    dtype,
  );
const changed = (place: Place, axis: number, change: (index: number) => number): Place =>
  place.map((index, own) => (own === axis ? change(index) : index));

/** Something that moves values: where each element of the result comes from, and where a mistake would take it from. */
interface Move {
  readonly kernel: string;
  readonly compute: (x: tf.Tensor) => tf.Tensor;
  readonly shape: Shape;
  readonly from: (place: Place) => Place;
  readonly mistakes: Readonly<Record<string, (place: Place) => Place>>;
}

/** Moves of a tensor of that shape; `axis` and `cut` choose among them. */
function movesOf(shape: Shape, axis: number, cut: number): Move[] {
  const rank = shape.length;
  const all = placesOf(shape);
  const extent = shape[axis]!;
  const rotated = shape.map((_, own) => (own + 1 + axis) % rank);
  const by =
    (order: readonly number[]) =>
    (place: Place): Place => {
      const source: number[] = [];
      order.forEach((own, position) => (source[own] = place[position]!));
      return source;
    };
  const inverse = rotated.map((_, own) => rotated.indexOf(own));
  const ids = Array.from({ length: extent + 2 }, (_, index) => (index * 3 + cut) % shape[0]!);
  const resized = (own: number, size: number): Shape => shape.map((given, place) => (place === own ? size : given));
  return [
    {
      kernel: 'Transpose',
      compute: (x) => tf.transpose(x, rotated),
      shape: rotated.map((own) => shape[own]!),
      from: by(rotated),
      mistakes: {
        'the inverse order': by(inverse),
        'as it lies in memory': (place) =>
          all[
            flatOf(
              rotated.map((own) => shape[own]!),
              place,
            )
          ]!,
      },
    },
    {
      kernel: 'Reshape',
      compute: (x) => tf.reshape(x, [-1, shape[rank - 1]!]),
      shape: [sizeOf(shape) / shape[rank - 1]!, shape[rank - 1]!],
      from: (place) => all[place[0]! * shape[rank - 1]! + place[1]!]!,
      mistakes: {
        'turned round': (place) => all[(place[1]! * sizeOf(shape)) / shape[rank - 1]! + place[0]!] ?? all[0]!,
      },
    },
    {
      kernel: 'Slice',
      compute: (x) =>
        tf.slice(
          x,
          resized(axis, cut).map((_, own) => (own === axis ? cut : 0)),
          resized(axis, extent - cut).map((size) => size),
        ),
      shape: resized(axis, extent - cut),
      from: (place) => changed(place, axis, (index) => index + cut),
      mistakes: { 'from the beginning': (place) => place, 'one further': (place) => changed(place, axis, (index) => index + cut + 1) },
    },
    {
      kernel: 'Concat',
      compute: (x) => tf.concat([tf.slice(x, 0, [...shape]), x], axis),
      shape: resized(axis, 2 * extent),
      from: (place) => changed(place, axis, (index) => index % extent),
      mistakes: { 'element by element': (place) => changed(place, axis, (index) => index >> 1) },
    },
    {
      kernel: 'SplitV',
      compute: (x) => tf.split(x, [cut, extent - cut], axis)[1]!,
      shape: resized(axis, extent - cut),
      from: (place) => changed(place, axis, (index) => index + cut),
      mistakes: { 'the first part': (place) => place },
    },
    {
      kernel: 'GatherV2',
      compute: (x) => tf.gather(x, tf.tensor1d(ids, 'int32')),
      shape: [ids.length, ...shape.slice(1)],
      from: (place) => changed(place, 0, (index) => ids[index]!),
      mistakes: { 'in turn': (place) => place, 'the row before': (place) => changed(place, 0, (index) => ids[index]! - 1) },
    },
  ];
}

const flatOf = (shape: Shape, place: Place): number => place.reduce((flat, index, axis) => flat * shape[axis]! + index, 0);

describe.skipIf(reason !== undefined)(`kernels that move values${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  describe.each(['own', 'stock'] as const)('%s', (kernels) => {
    it.each(['Transpose', 'Reshape', 'Slice', 'Concat', 'SplitV', 'GatherV2'])(
      '%s takes each value from its place, and from no other',
      async (name) => {
        await createTensorflowBackend({ kernels });
        const compute = vi.spyOn(currentEngine(), 'compute');
        const caught = new Map<string, number>();
        let calls = 0;
        for (const shape of [[5], [4, 3], [2, 5, 3], [3, 2, 2, 4], [2, 3, 1, 2, 3], [130, 41], [70_001, 2]]) {
          for (const axis of shape.length > 1 && sizeOf(shape) < 1000 ? shape.keys() : [0]) {
            const move = movesOf(shape, axis, Math.min(1, shape[axis]! - 1)).find(({ kernel }) => kernel === name)!;
            for (const dtype of ['float32', 'int32'] as const) {
              const before = tf.memory().numTensors;
              const x = counted(shape, dtype);
              const made = tf.tidy(() => move.compute(x));
              calls += 1;
              expect(made.shape).toEqual(move.shape);
              expect(made.dtype).toBe(dtype);
              const places = placesOf(move.shape);
              const values = Array.from(await made.data());
              expect(values).toEqual(places.map((place) => at(shape, move.from(place))));
              for (const [mistake, from] of Object.entries(move.mistakes)) {
                const differs = places.some((place, flat) => at(shape, from(place)) !== values[flat]);
                caught.set(mistake, (caught.get(mistake) ?? 0) + (differs ? 1 : 0));
              }
              tf.dispose([x, made]);
              expect(tf.memory().numTensors).toBe(before);
            }
          }
        }
        // A mistake may do no harm to one shape, as of axes of one element or a matrix, but it must not go unnoticed for many.
        for (const [mistake, times] of caught) expect(times / calls, mistake).toBeGreaterThan(0.3);
        // It is our module that moves, if it is to be, and TensorFlow otherwise.
        expect(compute.mock.calls.some(([called]) => called === name)).toBe(kernels === 'own');
        compute.mockRestore();
      },
    );

    it.each([
      ['Transpose', (x: tf.Tensor) => tf.transpose(x, [1, 2, 0])],
      ['Reshape', (x: tf.Tensor) => tf.reshape(x, [3, -1])],
      ['Slice', (x: tf.Tensor) => tf.slice(x, [1, 0, 2], [1, 3, 2])],
      ['Concat', (x: tf.Tensor) => tf.concat([x, x], 1)],
      ['SplitV', (x: tf.Tensor) => tf.split(x, [1, 2], 1)[1]!],
      ['GatherV2', (x: tf.Tensor) => tf.gather(x, tf.tensor1d([1, 1, 0], 'int32'))],
    ])('%s gives each gradient back to its place', async (_, move) => {
      await createTensorflowBackend({ kernels });
      const shape = [2, 3, 5];
      const [gradient, expected, unweighted] = tf.tidy(() => {
        const x = counted(shape, 'float32');
        const weights = tf.add(tf.range(0, move(x).size, 1, 'float32'), 1);
        const weighted = (given: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.reshape(move(given), [-1]), weights));
        // By the values themselves, which say where they were: the weight of each place that a value went to.
        const sums = Array<number>(x.size).fill(0);
        move(x)
          .dataSync()
          .forEach((value, index) => (sums[value - 1]! += index + 1));
        return [
          tf.grad(weighted)(x).dataSync(),
          sums,
          tf
            .grad((given) => tf.sum(move(given)))(x)
            .dataSync(),
        ] as const;
      });
      expect([...gradient]).toEqual(expected);
      expect([...unweighted]).not.toEqual(expected);
    });
  });

  it('leaves to TensorFlow what has more parts than a call can speak of', async () => {
    await createTensorflowBackend();
    const values = tf.tidy(() => {
      const x = counted([1, 1000, 2], 'float32');
      const parts = tf.split(x, 1000, 1);
      expect(parts).toHaveLength(1000);
      return [[...tf.concat(parts, 1).dataSync()], [...x.dataSync()]];
    });
    expect(values[0]).toEqual(values[1]);
  });

  it('refuses what lies outside', async () => {
    await createTensorflowBackend();
    const engine = currentEngine();
    const x = counted([3, 4], 'float32');
    const rows = tf.tensor1d([3], 'int32');
    const before = tf.memory().numTensors;
    expect(() => engine.compute('Slice', [x], [1, 0, 3, 4])).toThrow(/lies inside/);
    expect(() => engine.compute('Slice', [x], [0, 0, 3])).toThrow(/beginning and an extent/);
    expect(() => engine.compute('Transpose', [x], [0, 2])).toThrow(/every axis once/);
    expect(() => tf.transpose(x, [0, 0])).toThrow();
    expect(() => engine.compute('SplitV', [x], [1, 1, 2])).toThrow(/not the whole/);
    expect(() => engine.compute('Concat', [x, rows], [0])).toThrow(/one kind/);
    expect(() => engine.compute('GatherV2', [x, rows])).toThrow(/not there/);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x, rows]);
  });
});
