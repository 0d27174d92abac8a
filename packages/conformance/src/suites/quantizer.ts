import type { LoraTerm, PackedWeight, Quantizer, RandomStream, RowSource } from '@nlakit/core';
import { loraLinear, recallProducts, rememberProducts, tf } from '@nlakit/ops';
import { check, checkBits, checkJson, checkNear } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase } from '../conformance-case.js';

type Shape = readonly [out: number, inn: number];

/** Shapes with a whole number of blocks, and with a remainder in either direction. */
const shapes: readonly Shape[] = [
  [16, 64],
  [5, 24],
  [33, 40],
];

/** More than 16 bits count, and no multiple of what kernels go in steps of. */
const many = 70_001;

/** Weights and inputs without a row, with one, with more rows than 16 bits count, and with longer ones. */
const edges: readonly { readonly shape: Shape; readonly rows: number }[] = [
  { shape: [0, 8], rows: 2 },
  { shape: [4, 8], rows: 0 },
  { shape: [1, 8], rows: 1 },
  { shape: [2, 3], rows: many },
  { shape: [many, 2], rows: 2 },
  { shape: [3, many], rows: 2 },
];

/** Adapted products: few rows and many, results that are worth keeping for the backward pass and others, with and without dropout. */
const adapted: readonly { readonly shape: Shape; readonly rows: number; readonly rank: number; readonly rate: number }[] = [
  { shape: [16, 64], rows: 1, rank: 4, rate: 0 },
  { shape: [16, 64], rows: 3, rank: 4, rate: 0.4 },
  { shape: [33, 40], rows: 37, rank: 3, rate: 0 },
  { shape: [40, 33], rows: 37, rank: 16, rate: 0.1 },
  { shape: [5, 24], rows: 0, rank: 2, rate: 0 },
  { shape: [2, 8], rows: many, rank: 1, rate: 0 },
];

/** What a quantizer must do: keep a weight well enough, multiply by what it keeps, and differentiate that product. */
export function quantizerCases(): ConformanceCase<'quantizer'>[] {
  return [
    {
      name: 'quantizer: packs, plans its bytes, and frees what it packed',
      level: 1,
      run: async (subject) => {
        const quantizer = await subject.shared();
        checkJson(quantizer.record, 'record');
        for (const shape of shapes) {
          await checkNoLeak(`${quantizer.name} packing [${shape.join(', ')}]`, async () => {
            const packed = await packedWeight(quantizer, shape);
            check(
              packed.shape[0] === shape[0] && packed.shape[1] === shape[1],
              'The packed weight has another shape.',
              packed.shape.join(', '),
            );
            check(
              packed.bytes === quantizer.bytes(shape),
              'A packed weight does not occupy the bytes that were planned.',
              String(packed.bytes),
              String(quantizer.bytes(shape)),
            );
            packed.dispose();
          });
        }
      },
    },
    {
      name: 'quantizer: reads rows of the matrix only, each of them',
      level: 1,
      run: async (subject) => {
        const quantizer = await subject.shared();
        const [out, inn] = [33, 40];
        const seen = new Set<number>();
        const source: RowSource = {
          read: (start, count) => {
            check(
              start >= 0 && count > 0 && start + count <= out,
              'Rows outside the matrix are asked for.',
              `${count} from ${start}`,
              `0 to ${out}`,
            );
            for (let row = start; row < start + count; row += 1) seen.add(row);
            return Promise.resolve(weightValues([out, inn]).slice(start * inn, (start + count) * inn));
          },
        };
        (await quantizer.pack(source, [out, inn])).dispose();
        check(seen.size === out, 'Some rows were never read.', `${seen.size}`, `${out}`);
      },
    },
    {
      name: 'quantizer: leaves a plain checkpoint to pack',
      level: 1,
      skip: async (subject) =>
        (await subject.shared()).packStored === undefined
          ? { because: 'not-declared', reason: 'packStored is not there: no layout of its own' }
          : undefined,
      run: async (subject) => {
        const quantizer = await subject.shared();
        const plain = {
          has: (name: string) => name === 'linear.weight',
          names: () => ['linear.weight'],
          bytes: () => Promise.resolve({ dtype: 'F32', shape: [4, 8], data: new Uint8Array(128) }),
        };
        const packed = await quantizer.packStored?.(plain, 'linear.weight', [4, 8]);
        check(packed === undefined, 'A plain weight is taken for one in the layout of the quantizer.');
      },
    },
    {
      name: 'quantizer: gives the weight back within its tolerance',
      level: 2,
      run: async (subject) => {
        const quantizer = await subject.shared();
        const { tolerance = 0.15 } = subject.fixtures;
        for (const shape of shapes) {
          const values = weightValues(shape);
          const packed = await packedWeight(quantizer, shape);
          const unpacked = await unpackedValues(quantizer, packed, shape);
          const error = rootMeanSquare(unpacked.map((value, at) => value - (values[at] ?? NaN))) / rootMeanSquare(values);
          subject.record(`error of [${shape.join(', ')}]`, Number(error.toPrecision(3)));
          check(
            error <= tolerance,
            'The weight comes back as another one.',
            `relative error ${error.toPrecision(3)}`,
            `at most ${tolerance}`,
          );
          packed.dispose();
        }
      },
    },
    {
      name: 'quantizer: packs the same to the same',
      level: 2,
      run: async (subject) => {
        const quantizer = await subject.shared();
        const shape: Shape = [33, 40];
        const [first, second] = [await packedWeight(quantizer, shape), await packedWeight(quantizer, shape)];
        checkBits(
          await unpackedValues(quantizer, first, shape),
          await unpackedValues(quantizer, second, shape),
          'Packing twice gives two weights.',
        );
        first.dispose();
        second.dispose();
      },
    },
    {
      name: 'quantizer: multiplies by what it unpacks',
      level: 2,
      run: async (subject) => {
        const quantizer = await subject.shared();
        for (const shape of shapes) {
          const packed = await packedWeight(quantizer, shape);
          const weight = await unpackedValues(quantizer, packed, shape);
          await checkNoLeak(`${quantizer.name} multiplying by [${shape.join(', ')}]`, async () => {
            for (const lead of [[3], [2, 3]]) {
              const rows = lead.reduce((product, size) => product * size, 1);
              const x = inputValues(rows * shape[1]);
              const input = tf.tensor(x, [...lead, shape[1]]);
              const output = quantizer.linear(input, packed);
              checkShape(output.shape, [...lead, shape[0]]);
              checkNear(await output.data(), product(x, weight, rows, shape), 1e-4, 'The product is not that of the unpacked weight.');
              tf.dispose([input, output]);
            }
          });
          packed.dispose();
        }
      },
    },
    {
      name: 'quantizer: multiplies with an adapter as it does without, and adds its term',
      level: 3,
      skip: async (subject) =>
        (await subject.shared()).adaptedLinear === undefined
          ? { because: 'not-declared', reason: 'adaptedLinear is not there: the caller adds up' }
          : undefined,
      run: async (subject) => {
        const quantizer = await subject.shared();
        for (const { shape, rows, rank, rate } of adapted) {
          const packed = await packedWeight(quantizer, shape);
          const about = `${rows} rows by [${shape.join(', ')}] of rank ${rank}, dropout ${rate}`;
          await checkNoLeak(about, () => checkAdapted(quantizer, packed, { rows, rank, rate }, about));
          packed.dispose();
        }
      },
    },
    {
      name: 'quantizer: packs and multiplies at the edges',
      level: 3,
      run: async (subject) => {
        const quantizer = await subject.shared();
        for (const edge of edges) {
          const about = `${edge.rows} rows by [${edge.shape.join(', ')}]`;
          await checkNoLeak(about, () => checkEdge(quantizer, edge, subject.fixtures.tolerance ?? 0.15, about));
        }
      },
    },
    {
      name: 'quantizer: its product has the gradient of the unpacked weight',
      level: 3,
      run: async (subject) => {
        const quantizer = await subject.shared();
        for (const shape of shapes) {
          const packed = await packedWeight(quantizer, shape);
          const weight = await unpackedValues(quantizer, packed, shape);
          const rows = 3;
          const dy = inputValues(rows * shape[0], 5);
          await checkNoLeak(`the gradient of ${quantizer.name}`, async () => {
            const x = tf.tensor2d(inputValues(rows * shape[1]), [rows, shape[1]]);
            const cotangent = tf.tensor2d(dy, [rows, shape[0]]);
            const gradient = tf.grad((given) => tf.sum(tf.mul(quantizer.linear(given, packed), cotangent)))(x);
            const expected = Array.from({ length: rows * shape[1] }, (_, at) => {
              const [row, column] = [Math.floor(at / shape[1]), at % shape[1]];
              let sum = 0;
              for (let out = 0; out < shape[0]; out += 1) sum += (dy[row * shape[0] + out] ?? 0) * (weight[out * shape[1] + column] ?? 0);
              return sum;
            });
            checkNear(await gradient.data(), expected, 1e-4, 'The gradient in x is not that of the product.');
            tf.dispose([x, cotangent, gradient]);
          });
          packed.dispose();
        }
      },
    },
  ];
}

async function checkEdge(quantizer: Quantizer, { shape, rows }: (typeof edges)[number], tolerance: number, about: string): Promise<void> {
  const [out, inn] = shape;
  const packed = await packedWeight(quantizer, shape);
  const weight = await unpackedValues(quantizer, packed, shape);
  const values = weightValues(shape);
  const error = rootMeanSquare(weight.map((value, at) => value - (values[at] ?? NaN)));
  check(packed.bytes === quantizer.bytes(shape), `The planned bytes are others: ${about}.`, String(packed.bytes));
  const x = inputValues(rows * inn);
  const dy = inputValues(rows * out, 5);
  const [input, cotangent] = [tf.tensor2d(x, [rows, inn]), tf.tensor2d(dy, [rows, out])];
  const output = quantizer.linear(input, packed);
  checkShape(output.shape, [rows, out]);
  checkNear(await output.data(), product(x, weight, rows, shape), 1e-4, `The product is wrong: ${about}.`);
  const gradient = tf.grad((given) => tf.sum(tf.mul(quantizer.linear(given, packed), cotangent)))(input);
  checkShape(gradient.shape, [rows, inn]);
  checkNear(await gradient.data(), product(dy, transposed(weight, shape), rows, [inn, out]), 1e-4, `The gradient is wrong: ${about}.`);
  tf.dispose([input, cotangent, output, gradient]);
  packed.dispose();
  check(out === 0 || error <= tolerance * rootMeanSquare(values), `The weight comes back as another one: ${about}.`);
}

/** Against the product and the term one after the other: their values and gradients, also where the product was kept and is recalled. */
async function checkAdapted(
  quantizer: Quantizer,
  packed: PackedWeight,
  { rows, rank, rate }: { readonly rows: number; readonly rank: number; readonly rate: number },
  about: string,
): Promise<void> {
  const [out, inn] = packed.shape;
  const values = (count: number, seed: number, shape: readonly [number, number]): tf.Tensor2D =>
    tf.tensor2d(inputValues(count, seed), [...shape]);
  const given = [values(rows * inn, 1, [rows, inn]), values(rank * inn, 2, [rank, inn]), values(out * rank, 3, [out, rank])];
  const cotangent = values(rows * out, 5, [rows, out]);
  const term = (a: tf.Tensor2D, b: tf.Tensor2D): LoraTerm => {
    const numbers = [123_456_789, 987_654_321];
    const random = { integer: (bound: number) => (numbers.shift() ?? 0) % bound } as RandomStream;
    return { pair: { a, b }, scale: 0.7, dropout: { rate, random } };
  };
  type Compute = (x: tf.Tensor2D, a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor2D;
  const apart: Compute = (x, a, b) => {
    const { pair, scale, dropout } = term(a, b);
    return tf.tidy(() => loraLinear(x, quantizer.linear(x, packed), pair, scale, dropout) as tf.Tensor2D);
  };
  const together: Compute = (x, a, b) => quantizer.adaptedLinear?.(x, packed, term(a, b)) as tf.Tensor2D;
  const { result, products } = rememberProducts(() => together(...(given as Parameters<Compute>)));
  const recalled: Compute = (...inputs) => recallProducts(products, () => together(...inputs));
  const gradients = (compute: Compute): tf.Tensor[] =>
    tf.grads((...inputs) => tf.sum(tf.mul(compute(...(inputs as Parameters<Compute>)), cotangent)))(given);
  const expected = apart(...(given as Parameters<Compute>));
  checkShape(result.shape, [rows, out]);
  checkNear(await result.data(), Array.from(await expected.data()), 1e-4, `The product with an adapter is wrong: ${about}.`);
  const wanted = gradients(apart);
  for (const [how, compute] of Object.entries({ computed: together, recalled })) {
    const found = gradients(compute);
    for (const [index, name] of ['x', 'a', 'b'].entries()) {
      const [one, other] = [found[index] as tf.Tensor, wanted[index] as tf.Tensor];
      checkShape(one.shape, other.shape);
      const message = `The gradient in ${name} of the product with an adapter is wrong: ${about}, ${how}.`;
      checkNear(await one.data(), Array.from(await other.data()), 1e-4, message);
    }
    tf.dispose(found);
  }
  tf.dispose([...given, ...wanted, ...products, cotangent, expected, result]);
}

function transposed(weight: Float32Array, [out, inn]: Shape): Float32Array {
  return Float32Array.from({ length: weight.length }, (_, at) => weight[(at % out) * inn + Math.floor(at / out)] ?? NaN);
}

function packedWeight(quantizer: Quantizer, shape: Shape): Promise<PackedWeight> {
  const values = weightValues(shape);
  const read = (start: number, count: number): Promise<Float32Array> =>
    Promise.resolve(values.slice(start * shape[1], (start + count) * shape[1]));
  return quantizer.pack({ dtype: 'F32', read }, shape);
}

async function unpackedValues(quantizer: Quantizer, packed: PackedWeight, shape: Shape): Promise<Float32Array> {
  const tensor = quantizer.unpack(packed);
  checkShape(tensor.shape, shape);
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}

function checkShape(found: readonly number[], expected: readonly number[]): void {
  check(found.join() === expected.join(), 'A tensor has another shape.', `[${found.join(', ')}]`, `[${expected.join(', ')}]`);
}

/** Bell-shaped, like trained weights, with rows of different size: an error in the scales of blocks shows. */
function weightValues([out, inn]: Shape): Float32Array {
  return Float32Array.from({ length: out * inn }, (_, at) => {
    const row = Math.floor(at / inn);
    return ((Math.sin(12.9898 * at + 1) + Math.sin(78.233 * at + 2) + Math.sin(37.719 * at + 3)) / 3) * (0.02 + 0.01 * (row % 7));
  });
}

function inputValues(count: number, seed = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => Math.sin(1.7 * at + seed));
}

function product(x: Float32Array, weight: Float32Array, rows: number, [out, inn]: Shape): number[] {
  return Array.from({ length: rows * out }, (_, at) => {
    const [row, column] = [Math.floor(at / out), at % out];
    let sum = 0;
    for (let k = 0; k < inn; k += 1) sum += (x[row * inn + k] ?? 0) * (weight[column * inn + k] ?? 0);
    return sum;
  });
}

function rootMeanSquare(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);
}
