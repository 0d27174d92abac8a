import type { LoraTerm, PackedWeight } from '@nlakit/core';
import { loraLinear, tf } from '@nlakit/ops';
import { mutate, type Mutant } from './mutant.js';
import { withGradient } from './with-gradient.js';

/** Faults of a quantizer. */
export const quantizerMutants: readonly Mutant<'quantizer'>[] = [
  mutate('leaks while it packs', 'quantizer: packs, plans its bytes, and frees what it packed', (quantizer) => ({
    ...quantizer,
    pack: (rows, shape) => {
      tf.zeros([2]);
      return quantizer.pack(rows, shape);
    },
  })),
  mutate('plans other bytes than it needs', 'quantizer: packs, plans its bytes, and frees what it packed', (quantizer) => ({
    ...quantizer,
    bytes: (shape) => quantizer.bytes(shape) - 1,
  })),
  mutate('frees nothing', 'quantizer: packs, plans its bytes, and frees what it packed', (quantizer) => ({
    ...quantizer,
    pack: async (rows, shape) => keep(await quantizer.pack(rows, shape)),
  })),
  mutate('reads rows that the matrix does not have', 'quantizer: reads rows of the matrix only, each of them', (quantizer) => ({
    ...quantizer,
    pack: async (rows, shape) => {
      await rows.read(shape[0], 1);
      return quantizer.pack(rows, shape);
    },
  })),
  mutate('takes a plain weight for one of its own layout', 'quantizer: leaves a plain checkpoint to pack', (quantizer) => ({
    ...quantizer,
    packStored: (_, _name, shape) =>
      quantizer.pack({ dtype: 'F32', read: (_start, count) => Promise.resolve(new Float32Array(count * shape[1])) }, shape),
  })),
  mutate('packs a weight a third too large', 'quantizer: gives the weight back within its tolerance', (quantizer) => ({
    ...quantizer,
    unpack: (weight) => scaled(quantizer.unpack(weight), 1.3),
  })),
  mutate('packs the same weight to another one', 'quantizer: packs the same to the same', (quantizer) => {
    let packed = 0;
    const factors = new WeakMap<PackedWeight, number>();
    return {
      ...quantizer,
      pack: async (rows, shape) => {
        const weight = await quantizer.pack(rows, shape);
        factors.set(weight, 1 + 1e-6 * (packed += 1));
        return weight;
      },
      unpack: (weight) => scaled(quantizer.unpack(weight), factors.get(weight) ?? 1),
    };
  }),
  mutate('multiplies by another weight than it unpacks', 'quantizer: multiplies by what it unpacks', (quantizer) => ({
    ...quantizer,
    linear: (x, weight) => scaled(quantizer.linear(x, weight), 1.01),
  })),
  mutate('leaks while it multiplies', 'quantizer: multiplies by what it unpacks', (quantizer) => ({
    ...quantizer,
    linear: (x, weight) => {
      tf.zeros([2]);
      return quantizer.linear(x, weight);
    },
  })),
  ...(
    [
      [
        'gives a row for none',
        ([rows]) => rows === 0,
        (y) =>
          tf.pad(y, [
            [0, 1],
            [0, 0],
          ]),
      ],
      ['forgets the only row', ([rows, columns]) => rows === 1 && columns === 1, (y) => tf.zerosLike(y)],
      [
        'forgets rows beyond 16 bits',
        ([rows]) => rows > 0xffff,
        (y, [rows, columns]) => tf.concat([tf.slice(y, [0, 0], [0xffff, columns]), tf.zeros([rows - 0xffff, columns])]),
      ],
      [
        'forgets columns beyond 16 bits',
        ([, columns]) => columns > 0xffff,
        (y, [rows, columns]) => tf.concat([tf.slice(y, [0, 0], [rows, 0xffff]), tf.zeros([rows, columns - 0xffff])], 1),
      ],
    ] as const satisfies readonly [string, (shape: Size) => boolean, (y: tf.Tensor2D, shape: Size) => tf.Tensor][]
  ).map(([name, concerns, change]) =>
    mutate<'quantizer'>(name, 'quantizer: packs and multiplies at the edges', (quantizer) => ({
      ...quantizer,
      linear: (x, weight) =>
        tf.tidy(() => {
          const y = quantizer.linear(x, weight) as tf.Tensor2D;
          return concerns(y.shape) ? change(y, y.shape) : y;
        }),
    })),
  ),
  ...(
    [
      ['leaves out the scale of an adapter', (run, x, term) => run(x, { ...term, scale: 1 })],
      ['drops nothing of what an adapter reads', (run, x, { pair, scale }) => run(x, { pair, scale })],
      ['halves what an adapter adds to the gradient of its input', (run, x, term) => run(withGradient(x, 0.5), term)],
      ['halves the gradient of b', (run, x, term) => run(x, { ...term, pair: { a: term.pair.a, b: withGradient(term.pair.b, 0.5) } })],
      [
        'leaks while it adds an adapter',
        (run, x, term) => {
          tf.zeros([2]);
          return run(x, term);
        },
      ],
    ] as const satisfies readonly [string, (run: Adapted, x: tf.Tensor2D, term: LoraTerm) => tf.Tensor2D][]
  ).map(([name, change]) =>
    mutate<'quantizer'>(name, 'quantizer: multiplies with an adapter as it does without, and adds its term', (quantizer) => {
      const added: NonNullable<typeof quantizer.adaptedLinear> = (x, weight, { pair, scale, dropout }) =>
        tf.tidy(() => loraLinear(x, quantizer.linear(x, weight), pair, scale, dropout) as tf.Tensor2D);
      const whole = quantizer.adaptedLinear ?? added;
      return { ...quantizer, adaptedLinear: (x, weight, term) => change((given, adapter) => whole(given, weight, adapter), x, term) };
    }),
  ),
  mutate('halves the gradient of long rows', 'quantizer: packs and multiplies at the edges', (quantizer) => ({
    ...quantizer,
    linear: (x, weight) => quantizer.linear((x.shape.at(-1) ?? 0) > 0xffff ? withGradient(x, 0.5) : x, weight),
  })),
  mutate('halves the gradient', 'quantizer: its product has the gradient of the unpacked weight', (quantizer) => ({
    ...quantizer,
    linear: (x, weight) => quantizer.linear(withGradient(x, 0.5), weight),
  })),
];

type Adapted = (x: tf.Tensor2D, term: LoraTerm) => tf.Tensor2D;

type Size = readonly [rows: number, columns: number];

function keep(weight: PackedWeight): PackedWeight {
  return { ...weight, dispose: () => undefined };
}

function scaled<Result extends tf.Tensor>(tensor: Result, factor: number): Result {
  const result = tf.mul<Result>(tensor, factor);
  tensor.dispose();
  return result;
}
