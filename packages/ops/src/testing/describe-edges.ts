import type { RandomStream } from '@nlakit/core';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { causalAttention } from '../causal-attention.js';
import { dropout } from '../dropout.js';
import { embeddingRows } from '../embedding-rows.js';
import { geglu } from '../geglu.js';
import { adaptedLinear, linear } from '../linear.js';
import { loraLinear } from '../lora-linear.js';
import { maskedSoftmax } from '../masked-softmax.js';
import { nf4Unpack, NF4_VALUES } from '../nf4-unpack.js';
import { normRope } from '../norm-rope.js';
import { rmsNorm, rmsNormAdd } from '../rms-norm.js';
import { rope } from '../rope.js';
import { softcappedCrossEntropy } from '../softcapped-cross-entropy.js';
import { softcappedLogits } from '../softcapped-logits.js';
import { tf } from '../tensorflow.js';
import { checkOperation } from './check-operation.js';
import { checkRows, PERIOD, repeated, type RowOperation } from './check-rows.js';
import { dirtyMemory } from './dirty-memory.js';
import {
  attentionReference,
  crossEntropyReference,
  dropoutReference,
  elementwise,
  geluTanh,
  linearReference,
  maskedSoftmaxReference,
  rmsNormReference,
  ropeReference,
  rowsReference,
  softcappedLogitsReference,
} from './references.js';
import type { TestRunner } from './test-runner.js';
import { largestError, someValues, valuesOf, type Values } from './values.js';

/** More than 16 bits count, and no multiple of what kernels go in steps of. */
const MANY = 70_001;
const EPSILON = 1e-6;

/** Declares what domain kernels must do with no rows, with one, with more rows than 16 bits count, and with rows longer than that. */
export function describeEdges(runner: TestRunner, test: (name: string, body: () => Promise<void>) => void): void {
  for (const [name, operation] of Object.entries<RowOperation<string>>(rowOperations())) {
    for (const rows of [0, 1, MANY])
      test(`${name} of ${rows === 1 ? 'one row' : `${rows} rows`}`, () => checkRows(runner, operation, rows));
  }
  describeUnpacking(runner, test);
  describeDropout(runner, test);
  describeNoPositions(runner, test);
  describeLongRows(runner, test);
}

type Inputs = Readonly<Record<string, Values>>;
/** One of the inputs, which an operation has by construction. */
const of = <Value>(all: Readonly<Record<string, Value>>, name: string): Value => all[name] as Value;

function rowOperations(): Readonly<Record<string, RowOperation<string>>> {
  const rowsBy = (...extents: readonly number[]): readonly number[] => [PERIOD, ...extents];
  const ids = Int32Array.of(3, 0, 3, 2, 1, 4, 2);
  const entropy = (chunk: number): RowOperation<string> => ({
    inputs: { hidden: someValues(15, rowsBy(3), 2), table: someValues(16, [5, 3]) },
    shared: ['table'],
    compute: ({ hidden, table }, rows) =>
      softcappedCrossEntropy({ hidden: hidden as Tensor2D, table: table as Tensor2D, targets: repeated(ids, rows), softcap: 2, chunk }),
    reference: (given) => crossEntropyReference(of(given, 'hidden'), of(given, 'table'), ids, 2),
  });
  const [positions, headDim] = [2, 2];
  const angle = (_batch: number, position: number, pair: number): number => (position + 1) * (pair + 1);
  const tables = (): readonly [Tensor3D, Tensor3D] => {
    const angles = valuesOf([1, positions, headDim / 2], (at) => angle(0, at, 0)).data;
    const table = (turn: (angle: number) => number): Tensor3D => tf.tensor3d(Float32Array.from(angles, turn), [1, positions, headDim / 2]);
    return [table(Math.cos), table(Math.sin)];
  };
  const weightOf = (given: Inputs) => (column: number) => of(given, 'weight').data[column] ?? NaN;
  const frozen = someValues(12, [4, 3]);
  /** Of two keys, the rows that see both, the first only, and none. */
  const valid = valuesOf(rowsBy(2), (at) => [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1][at] ?? NaN);
  const validTensor = (rows: number): Tensor2D => tf.tensor2d(repeated(Float32Array.from(valid.data), rows), [rows, 2]);
  return {
    rmsNorm: {
      inputs: { x: someValues(1, rowsBy(5), 2), weight: someValues(2, [5], 1.5) },
      shared: ['weight'],
      compute: ({ x, weight }) => rmsNorm(x as Tensor2D, weight as Tensor1D, EPSILON),
      reference: (given) => rmsNormReference(of(given, 'x'), weightOf(given), EPSILON),
    },
    'rmsNorm without a weight': {
      inputs: { x: someValues(3, rowsBy(3), 2) },
      compute: ({ x }) => rmsNorm(x as Tensor2D, undefined, EPSILON),
      reference: (given) => rmsNormReference(of(given, 'x'), () => 1, EPSILON),
    },
    rmsNormAdd: {
      inputs: { residual: someValues(4, rowsBy(3)), x: someValues(5, rowsBy(3), 2), weight: someValues(6, [3], 1.5) },
      shared: ['weight'],
      compute: ({ residual, x, weight }) => rmsNormAdd(residual as Tensor2D, x as Tensor2D, weight as Tensor1D, EPSILON),
      reference: (given) => sum(of(given, 'residual'), rmsNormReference(of(given, 'x'), weightOf(given), EPSILON)),
    },
    geglu: {
      inputs: { gate: someValues(9, rowsBy(3), 4), up: someValues(10, rowsBy(3), 2) },
      compute: ({ gate, up }) => geglu(gate as Tensor2D, up as Tensor2D),
      reference: (given) => elementwise(of(given, 'gate'), (value, at) => geluTanh(value) * (of(given, 'up').data[at] ?? NaN)),
    },
    linear: {
      inputs: { x: someValues(11, rowsBy(3)), weight: someValues(12, [4, 3]) },
      shared: ['weight'],
      compute: ({ x, weight }) => linear(x as Tensor2D, weight as Tensor2D),
      reference: (given) => linearReference(of(given, 'x'), of(given, 'weight')),
    },
    loraLinear: {
      inputs: {
        x: someValues(51, rowsBy(3)),
        base: someValues(52, rowsBy(4)),
        a: someValues(53, [2, 3]),
        b: someValues(54, [4, 2]),
      },
      shared: ['a', 'b'],
      compute: ({ x, base, a, b }) => loraLinear(x as Tensor2D, base as Tensor2D, { a: a as Tensor2D, b: b as Tensor2D }, -1.5),
      reference: (given) => {
        const term = linearReference(linearReference(of(given, 'x'), of(given, 'a')), of(given, 'b'));
        return elementwise(of(given, 'base'), (value, at) => value - 1.5 * (term.data[at] ?? NaN));
      },
    },
    adaptedLinear: {
      inputs: { x: someValues(51, rowsBy(3)), a: someValues(53, [2, 3]), b: someValues(54, [4, 2]) },
      shared: ['a', 'b'],
      compute: ({ x, a, b }) =>
        tf.tidy(() => {
          const weight = tf.tensor2d(Float32Array.from(frozen.data), [4, 3]);
          return adaptedLinear(x as Tensor2D, weight, { pair: { a: a as Tensor2D, b: b as Tensor2D }, scale: -1.5 });
        }),
      reference: (given) => {
        const term = linearReference(linearReference(of(given, 'x'), of(given, 'a')), of(given, 'b'));
        return elementwise(linearReference(of(given, 'x'), frozen), (value, at) => value - 1.5 * (term.data[at] ?? NaN));
      },
    },
    softcappedLogits: {
      inputs: { hidden: someValues(19, rowsBy(3), 2), table: someValues(20, [5, 3]) },
      shared: ['table'],
      compute: ({ hidden, table }) => softcappedLogits({ hidden: hidden as Tensor2D, table: table as Tensor2D, softcap: 3 }),
      reference: (given) => softcappedLogitsReference(of(given, 'hidden'), of(given, 'table'), 3),
    },
    'softcappedCrossEntropy in one chunk': entropy(5),
    'softcappedCrossEntropy in chunks': entropy(2),
    embeddingRows: {
      inputs: { table: someValues(21, [5, 3]) },
      shared: ['table'],
      compute: ({ table }, rows) => embeddingRows(table as Tensor2D, repeated(ids, rows), [rows]),
      reference: (given) => rowsReference(of(given, 'table'), ids, [PERIOD]),
    },
    rope: {
      inputs: { x: someValues(22, rowsBy(positions, 1, headDim)) },
      compute: ({ x }) => tf.tidy(() => rope(x as Tensor4D, ...tables())),
      reference: (given) => ropeReference(of(given, 'x'), angle),
    },
    normRope: {
      inputs: { x: someValues(23, [PERIOD * positions, headDim], 2), weight: someValues(24, [headDim], 1.5) },
      shared: ['weight'],
      compute: ({ x, weight }) => tf.tidy(() => normRope(x as Tensor2D, weight as Tensor1D, ...tables(), EPSILON)),
      reference: (given) => {
        const byHead = valuesOf(rowsBy(positions, 1, headDim), (at) => of(given, 'x').data[at] ?? NaN);
        return ropeReference(rmsNormReference(byHead, weightOf(given), EPSILON), angle);
      },
    },
    causalAttention: {
      inputs: {
        q: someValues(25, rowsBy(2, 2, 2), 1.5),
        k: someValues(26, rowsBy(2, 1, 2), 1.5),
        v: someValues(27, rowsBy(2, 1, 2)),
      },
      compute: ({ q, k, v }, rows) =>
        tf.tidy(() =>
          causalAttention({
            q: q as Tensor4D,
            k: k as Tensor4D,
            v: v as Tensor4D,
            valid: validTensor(rows),
            window: 0,
            offset: 0,
            scale: 0.7,
          }),
        ),
      reference: (given) => {
        const [q, k, v] = [of(given, 'q'), of(given, 'k'), of(given, 'v')];
        return attentionReference({ q, k, v, valid, window: 0, offset: 0, scale: 0.7, kvHeadOf: () => 0 });
      },
    },
    maskedSoftmax: {
      inputs: { scores: someValues(28, rowsBy(2, 1, 2), 3) },
      compute: ({ scores }, rows) => tf.tidy(() => maskedSoftmax(scores as Tensor4D, validTensor(rows), 0, 1)),
      reference: (given) => maskedSoftmaxReference(of(given, 'scores'), valid, 0, 1),
    },
  };
}

const sum = (one: Values, other: Values): Values => elementwise(one, (value, at) => value + (other.data[at] ?? NaN));

function describeUnpacking({ expect }: TestRunner, test: (name: string, body: () => Promise<void>) => void): void {
  for (const [rows, width] of [
    [0, 64],
    [1, 64],
    [MANY, 8],
    [3, MANY],
  ] as const) {
    test(`nf4Unpack of [${rows},${width}]`, async () => {
      const blocks = Math.ceil((rows * width) / 64);
      const bytes = Uint8Array.from({ length: blocks * 32 }, (_, at) => (at * 37 + (at >> 8) + 11) & 255);
      const scales = Float32Array.from({ length: blocks }, (_, at) => 1 + (at % 11) / 8);
      const codes = tf.tensor1d(new Int32Array(bytes.buffer), 'int32');
      const absmax = tf.tensor1d(scales);
      const element = (at: number): number => {
        const byte = bytes[at >> 1] ?? 0;
        return Math.fround((NF4_VALUES[at % 2 === 0 ? byte >> 4 : byte & 15] ?? NaN) * (scales[at >> 6] ?? NaN));
      };
      const result = nf4Unpack({ codes, absmax, blockSize: 64, shape: [rows, width] });
      expect(result.shape, 'shape').toEqual([rows, width]);
      const values = await result.data();
      const expected = valuesOf([rows, width], element).data;
      expect(largestError(values, expected), 'error of the values').toBeLessThan(1e-7);
      if (rows * width > 0xffff) {
        const wrapped = valuesOf([rows, width], (at) => element(at & 0xffff)).data;
        expect(largestError(values, wrapped), 'distance from indices in 16 bits').toBeGreaterThan(0.1);
      } else if (rows > 0) {
        const exchanged = valuesOf([rows, width], (at) => element(at ^ 1)).data;
        expect(largestError(values, exchanged), 'distance from nibbles exchanged').toBeGreaterThan(0.1);
      }
      tf.dispose([codes, absmax, result]);
    });
  }
}

function describeDropout(runner: TestRunner, test: (name: string, body: () => Promise<void>) => void): void {
  const seed = [3735928559, 305419896] as const;
  for (const [rows, width] of [
    [0, 3],
    [1, 3],
    [MANY, 1],
  ] as const) {
    test(`dropout of [${rows},${width}]`, () => {
      const stream = (): RandomStream => {
        const numbers = [...seed];
        return { integer: () => numbers.shift() ?? 0 } as unknown as RandomStream;
      };
      const expected = (x: Values): Values => dropoutReference(x, 0.4, seed);
      return checkOperation<'x'>(runner, {
        inputs: { x: someValues(63, [rows, width]) },
        samples: 1,
        compute: ({ x }) => dropout(x, 0.4, stream()),
        reference: ({ x }) => expected(x),
        mistakes:
          rows === 0
            ? {}
            : {
                'not divided by what stays': ({ x }) => elementwise(expected(x), (value) => value * 0.6),
                ...(rows === 1
                  ? {}
                  : {
                      'indices in 16 bits': ({ x }) => {
                        const kept = expected(valuesOf(x.shape, () => 1)).data;
                        return elementwise(x, (value, at) => value * (kept[at & 0xffff] ?? NaN));
                      },
                    }),
              },
      });
    });
  }
}

/** Batches of texts without a token. */
function describeNoPositions({ expect }: TestRunner, test: (name: string, body: () => Promise<void>) => void): void {
  test('rope, normRope and causalAttention of no positions', async () => {
    const before = tf.memory().numTensors;
    dirtyMemory([4, 2 * 5 * 3 * 4]);
    const [x, rows, weight, table] = [tf.zeros([2, 0, 3, 4]), tf.zeros([0, 12]), tf.ones([4]), tf.zeros([2, 0, 2])];
    const [valid, cached] = [tf.zeros([2, 0]), tf.ones([2, 5, 3, 4])];
    const cachedValid = tf.ones([2, 5]);
    const attention = (k: Tensor4D, mask: Tensor2D, offset: number) => (q: Tensor4D) =>
      causalAttention({ q, k, v: k, valid: mask, window: 0, offset, scale: 1 });
    const results: Readonly<Record<string, (given: Tensor4D) => Tensor4D>> = {
      rope: (given) => rope(given, table as Tensor3D, table as Tensor3D),
      normRope: (given) => normRope(tf.reshape(given, [0, 12]), weight as Tensor1D, table as Tensor3D, table as Tensor3D, EPSILON),
      'causalAttention over no keys': attention(x as Tensor4D, valid as Tensor2D, 0),
      'causalAttention over cached keys': attention(cached as Tensor4D, cachedValid as Tensor2D, 5),
    };
    for (const [name, compute] of Object.entries(results)) {
      const result = tf.tidy(() => compute(x as Tensor4D));
      expect(result.shape, `shape of ${name}`).toEqual([2, 0, 3, 4]);
      const gradient = tf.grad((given) => tf.sum(compute(given as Tensor4D)))(x);
      expect(gradient.shape, `shape of the gradient of ${name}`).toEqual([2, 0, 3, 4]);
      expect((await result.data()).length + (await gradient.data()).length, `elements of ${name}`).toBe(0);
      tf.dispose([result, gradient]);
    }
    const weightGradient = tf.grad((given) =>
      tf.sum(normRope(rows as Tensor2D, given as Tensor1D, table as Tensor3D, table as Tensor3D, EPSILON)),
    )(weight);
    expect(Array.from(await weightGradient.data()), 'gradient of the weight of normRope').toEqual([0, 0, 0, 0]);
    const keyGradient = tf.grad((given) => tf.sum(attention(given as Tensor4D, cachedValid as Tensor2D, 5)(x as Tensor4D)))(cached);
    expect(
      (await keyGradient.data()).every((value) => value === 0),
      'gradient of keys that nothing asks',
    ).toBe(true);
    tf.dispose([x, rows, weight, table, valid, cached, cachedValid, weightGradient, keyGradient]);
    expect(tf.memory().numTensors, 'tensors that are left').toBe(before);
  });
}

function describeLongRows(runner: TestRunner, test: (name: string, body: () => Promise<void>) => void): void {
  // The first element and the last.
  const samples = 1;
  /** What comes out where columns are counted in 16 bits. */
  const wrapped =
    (name: string, reference: (given: Inputs) => Values) =>
    (given: Inputs): Values => {
      const { shape, data } = of(given, name);
      const width = shape[shape.length - 1] ?? 1;
      return reference({ ...given, [name]: valuesOf(shape, (at) => data[at - (at % width) + ((at % width) & 0xffff)] ?? NaN) });
    };
  const norm = ({ x, weight }: Inputs): Values =>
    rmsNormReference(x as Values, (column) => (weight as Values).data[column] ?? NaN, EPSILON);
  test(`rmsNorm of a row of ${MANY}`, () =>
    checkOperation<string>(runner, {
      inputs: { x: someValues(1, [2, MANY], 2), weight: someValues(2, [MANY], 1.5) },
      samples,
      compute: ({ x, weight }) => rmsNorm(x as Tensor2D, weight as Tensor1D, EPSILON),
      reference: norm,
      mistakes: { 'columns in 16 bits': wrapped('weight', norm) },
    }));
  test(`rmsNormAdd of a row of ${MANY}`, () =>
    checkOperation<string>(runner, {
      inputs: { residual: someValues(4, [2, MANY]), x: someValues(5, [2, MANY], 2), weight: someValues(6, [MANY], 1.5) },
      samples,
      compute: ({ residual, x, weight }) => rmsNormAdd(residual as Tensor2D, x as Tensor2D, weight as Tensor1D, EPSILON),
      reference: (given) => sum(of(given, 'residual'), norm(given)),
      mistakes: { 'columns in 16 bits': wrapped('weight', (given) => sum(of(given, 'residual'), norm(given))) },
    }));
  const gated = ({ gate, up }: Inputs): Values =>
    elementwise(gate as Values, (value, at) => geluTanh(value) * ((up as Values).data[at] ?? NaN));
  test(`geglu of a row of ${MANY}`, () =>
    checkOperation<string>(runner, {
      inputs: { gate: someValues(9, [1, MANY], 4), up: someValues(10, [1, MANY], 2) },
      samples,
      compute: ({ gate, up }) => geglu(gate as Tensor2D, up as Tensor2D),
      reference: gated,
      mistakes: { 'columns in 16 bits': wrapped('up', gated) },
    }));
  for (const [inn, out] of [
    [MANY, 2],
    [2, MANY],
  ] as const) {
    const adapted = ({ x, base, a, b }: Inputs): Values => {
      const term = linearReference(linearReference(x as Values, a as Values), b as Values);
      return elementwise(base as Values, (value, at) => value + 0.01 * (term.data[at] ?? NaN));
    };
    test(`loraLinear from ${inn} to ${out}`, () =>
      checkOperation<string>(runner, {
        inputs: {
          x: someValues(51, [2, inn]),
          base: someValues(52, [2, out]),
          a: someValues(53, [2, inn]),
          b: someValues(54, [out, 2]),
        },
        samples,
        compute: ({ x, base, a, b }) => loraLinear(x as Tensor2D, base as Tensor2D, { a: a as Tensor2D, b: b as Tensor2D }, 0.01),
        reference: adapted,
        mistakes: { 'columns in 16 bits': wrapped(inn === MANY ? 'x' : 'base', adapted) },
        // Sums of 70,000 products in f32.
        tolerance: 1e-4,
      }));
  }
  for (const chunk of [MANY, 32_768]) {
    const targets = Int32Array.of(5, MANY - 2);
    test(`softcappedCrossEntropy over a vocabulary of ${MANY} in chunks of ${chunk}`, () =>
      checkOperation<string>(runner, {
        inputs: { hidden: someValues(15, [2, 2], 2), table: someValues(16, [MANY, 2], 2) },
        samples,
        places: { table: [...targets].map((id) => 2 * id) },
        compute: ({ hidden, table }) =>
          softcappedCrossEntropy({ hidden: hidden as Tensor2D, table: table as Tensor2D, targets, softcap: 3, chunk }),
        reference: ({ hidden, table }) => crossEntropyReference(hidden as Values, table as Values, targets, 3),
        mistakes: {
          'ids in 16 bits': ({ hidden, table }) =>
            crossEntropyReference(
              hidden as Values,
              table as Values,
              targets.map((id) => id & 0xffff),
              3,
            ),
        },
      }));
  }
  const ids = Int32Array.of(3, MANY - 1, 65_536, 3);
  for (const shape of [
    [MANY, 2],
    [4, MANY],
  ] as const) {
    const own = shape[0] === MANY ? ids : ids.map((id) => id & 3);
    test(`embeddingRows of a table [${shape.join()}]`, () =>
      checkOperation<string>(runner, {
        inputs: { table: someValues(21, shape) },
        samples,
        places: { table: [...own].map((id) => id * shape[1] + shape[1] - 1) },
        compute: ({ table }) => embeddingRows(table as Tensor2D, own, [4]),
        reference: ({ table }) => rowsReference(table as Values, own, [4]),
        mistakes: {
          'indices in 16 bits':
            shape[0] === MANY
              ? ({ table }) =>
                  rowsReference(
                    table as Values,
                    own.map((id) => id & 0xffff),
                    [4],
                  )
              : wrapped('table', ({ table }) => rowsReference(table as Values, own, [4])),
        },
      }));
  }
  const angle = (_batch: number, position: number, pair: number): number => ((position * 7) % 13) + pair;
  const turned = async (body: (cos: Tensor3D, sin: Tensor3D) => Promise<void>): Promise<void> => {
    const angles = valuesOf([1, MANY, 1], (at) => angle(0, at, 0)).data;
    const tables = [Math.cos, Math.sin].map((turn) => tf.tensor3d(Float32Array.from(angles, turn), [1, MANY, 1]));
    await body(...(tables as [Tensor3D, Tensor3D]));
    tf.dispose(tables);
  };
  const wrappedAngle = (batch: number, position: number, pair: number): number => angle(batch, position & 0xffff, pair);
  test(`rope of ${MANY} positions`, () =>
    turned((cos, sin) =>
      checkOperation<string>(runner, {
        inputs: { x: someValues(22, [1, MANY, 1, 2]) },
        samples,
        compute: ({ x }) => rope(x as Tensor4D, cos, sin),
        reference: ({ x }) => ropeReference(x as Values, angle),
        mistakes: { 'positions in 16 bits': ({ x }) => ropeReference(x as Values, wrappedAngle) },
      }),
    ));
  test(`normRope of ${MANY} positions`, () =>
    turned((cos, sin) => {
      const normed = ({ x, weight }: Inputs): Values =>
        rmsNormReference({ shape: [1, MANY, 1, 2], data: (x as Values).data }, (column) => (weight as Values).data[column] ?? NaN, EPSILON);
      return checkOperation<string>(runner, {
        inputs: { x: someValues(23, [MANY, 2], 2), weight: someValues(24, [2], 1.5) },
        samples,
        compute: ({ x, weight }) => normRope(x as Tensor2D, weight as Tensor1D, cos, sin, EPSILON),
        reference: (given) => ropeReference(normed(given), angle),
        mistakes: { 'positions in 16 bits': (given) => ropeReference(normed(given), wrappedAngle) },
        tolerance: 1e-4,
      });
    }));
  const seen = valuesOf([1, MANY], (at) => (at % 5 === 3 ? 0 : 1));
  const q = someValues(25, [1, 1, 1, 2], 1.5);
  const k = someValues(26, [1, MANY, 1, 2], 1.5);
  // About as likely as all others together, inside the wider window only, and not among the last 65536 keys.
  const likely = 4200;
  const [q0 = NaN, q1 = NaN] = q.data;
  for (const [at, element] of [q0, q1].entries()) k.data[2 * likely + at] = Math.fround((11 * element) / (q0 ** 2 + q1 ** 2));
  const attended =
    (window: number) =>
    ({ q, k, v }: Inputs): Values =>
      attentionReference({
        q: q as Values,
        k: k as Values,
        v: v as Values,
        valid: seen,
        window,
        offset: MANY - 1,
        scale: 1,
        kvHeadOf: () => 0,
      });
  test(`causalAttention over ${MANY} keys`, async () => {
    const valid = tf.tensor2d(Float32Array.from(seen.data), [1, MANY]);
    await checkOperation<string>(runner, {
      inputs: { q, k, v: someValues(27, [1, MANY, 1, 2], 4) },
      samples,
      places: { k: [2 * likely], v: [2 * likely + 1] },
      compute: ({ q, k, v }) =>
        causalAttention({ q: q as Tensor4D, k: k as Tensor4D, v: v as Tensor4D, valid, window: 66_000, offset: MANY - 1, scale: 1 }),
      reference: attended(66_000),
      mistakes: { 'the last 65536 keys only': attended(65_536) },
      // Sums of 70,000 exponentials in f32.
      tolerance: 1e-4,
    });
    valid.dispose();
  });
}
