import type { RandomStream } from '@nlakit/core';
import type { Rank, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { causalAttention, causalAttentionRows } from '../causal-attention.js';
import { dropout } from '../dropout.js';
import { embeddingRows } from '../embedding-rows.js';
import { geglu } from '../geglu.js';
import { adaptedLinear, linear } from '../linear.js';
import { loraLinear } from '../lora-linear.js';
import { nf4Unpack, NF4_VALUES } from '../nf4-unpack.js';
import { rmsNorm, rmsNormAdd } from '../rms-norm.js';
import { normRope } from '../norm-rope.js';
import { rope } from '../rope.js';
import { ropeTables } from '../rope-tables.js';
import { softcappedCrossEntropy } from '../softcapped-cross-entropy.js';
import { softcapped } from '../softcap-log-sum-exp.js';
import { softcappedLogits } from '../softcapped-logits.js';
import { tf } from '../tensorflow.js';
import { checkOperation, validityOf } from './check-operation.js';
import { describeEdges } from './describe-edges.js';
import {
  attentionReference,
  crossEntropyReference,
  dropoutReference,
  elementwise,
  geluExact,
  geluTanh,
  linearReference,
  matMulReference,
  rmsNormReference,
  ropeReference,
  rowsReference,
  softcappedLogitsReference,
} from './references.js';
import type { TestRunner } from './test-runner.js';
import { largestError, someValues, valuesOf, type Values } from './values.js';

const EPSILON = 1e-6;

/**
 * Declares the tests that the domain kernels of a backend must pass: values against float64 references, gradients against their central
 * differences, distance from likely mistakes, no leaked tensor. Also the stock tfjs kernels that those operations stand on.
 *
 * @param backendName name of the tfjs backend, or a function that knows it once `setup` has run
 * @param setup makes the backend ready; called once
 */
export function describeDomainKernels(runner: TestRunner, backendName: string | (() => string), setup: () => Promise<void>): void {
  const { describe, it, expect } = runner;
  const on = typeof backendName === 'string' ? ` on ${backendName}` : '';
  let ready: Promise<void> | undefined;
  const test = (name: string, body: () => Promise<void>): void =>
    it(name, async () => {
      ready ??= setup();
      await ready;
      await tf.setBackend(typeof backendName === 'string' ? backendName : backendName());
      await body();
    });

  describe(`domain kernels${on}`, () => {
    for (const shape of [
      [3, 8],
      [2, 3, 2, 13],
      [1, 33],
      [5, 1],
      [3, 257],
      [2, 1536],
    ]) {
      const width = shape[shape.length - 1] ?? 1;
      test(`rmsNorm with a weight, [${shape.join()}]`, () =>
        checkOperation(runner, {
          inputs: { x: someValues(1, shape, 2), weight: someValues(2, [width], 1.5) },
          compute: ({ x, weight }) => rmsNorm(x, weight as Tensor1D, EPSILON),
          reference: ({ x, weight }) => rmsNormReference(x, (column) => weight.data[column] ?? NaN, EPSILON),
          mistakes: { '1 + weight': ({ x, weight }) => rmsNormReference(x, (column) => 1 + (weight.data[column] ?? NaN), EPSILON) },
        }));
      test(`rmsNorm without a weight, [${shape.join()}]`, () =>
        checkOperation(runner, {
          inputs: { x: someValues(3, shape, 2) },
          compute: ({ x }) => rmsNorm(x, undefined, EPSILON),
          reference: ({ x }) => rmsNormReference(x, () => 1, EPSILON),
        }));
      test(`rmsNormAdd, [${shape.join()}]`, () => {
        const added = (residual: Values, normed: Values): Values =>
          valuesOf(shape, (index) => (residual.data[index] ?? NaN) + (normed.data[index] ?? NaN));
        return checkOperation(runner, {
          inputs: { residual: someValues(5, shape), x: someValues(6, shape, 2), weight: someValues(7, [width], 1.5) },
          compute: ({ residual, x, weight }) => rmsNormAdd(residual, x, weight as Tensor1D, EPSILON),
          reference: ({ residual, x, weight }) =>
            added(
              residual,
              rmsNormReference(x, (column) => weight.data[column] ?? NaN, EPSILON),
            ),
          mistakes: {
            'the norm of the sum': ({ residual, x, weight }) =>
              rmsNormReference(added(residual, x), (column) => weight.data[column] ?? NaN, EPSILON),
          },
        });
      });
      test(`rmsNormAdd with a scale, [${shape.join()}]`, () => {
        type All = Readonly<Record<'residual' | 'x' | 'weight' | 'scale', Values>>;
        const reference = ({ residual, x, weight, scale }: All, ofStream = true): Values => {
          const normed = rmsNormReference(x, (column) => weight.data[column] ?? NaN, EPSILON);
          const factor = scale.data[0] ?? NaN;
          return valuesOf(shape, (at) => (residual.data[at] ?? NaN) * (ofStream ? factor : 1) + (normed.data[at] ?? NaN) * factor);
        };
        return checkOperation<keyof All>(runner, {
          inputs: {
            residual: someValues(5, shape),
            x: someValues(6, shape, 2),
            weight: someValues(7, [width], 1.5),
            scale: valuesOf([1], () => 0.3),
          },
          compute: ({ residual, x, weight, scale }) => rmsNormAdd(residual, x, weight as Tensor1D, EPSILON, scale as Tensor1D),
          reference: (given) => reference(given),
          mistakes: { 'only the branch scaled': (given) => reference(given, false) },
        });
      });
      test(`rmsNormAdd without a weight, [${shape.join()}]`, () =>
        checkOperation(runner, {
          inputs: { residual: someValues(8, shape), x: someValues(9, shape, 2) },
          compute: ({ residual, x }) => rmsNormAdd(residual, x, undefined, EPSILON),
          reference: ({ residual, x }) => {
            const normed = rmsNormReference(x, () => 1, EPSILON);
            return valuesOf(shape, (index) => (residual.data[index] ?? NaN) + (normed.data[index] ?? NaN));
          },
        }));
    }

    test('rmsNorm has its epsilon inside the root', () =>
      checkOperation(runner, {
        inputs: { x: someValues(4, [3, 6], 0.01) },
        compute: ({ x }) => rmsNorm(x, undefined, 1e-4),
        reference: ({ x }) => rmsNormReference(x, () => 1, 1e-4),
        mistakes: { 'no epsilon': ({ x }) => rmsNormReference(x, () => 1, 0) },
        // Gradients reach 1 / sqrt(epsilon) = 100 here, and the error is relative to that.
        tolerance: 2e-5,
      }));

    for (const { headDim, rotaryFraction, heads } of [
      { headDim: 8, rotaryFraction: 1, heads: 3 },
      { headDim: 12, rotaryFraction: 0.5, heads: 1 },
      { headDim: 32, rotaryFraction: 0.25, heads: 2 },
      { headDim: 128, rotaryFraction: 0.25, heads: 5 },
    ]) {
      for (const positions of [
        [0, 1, 2, 3, 0, 1, 2, 3],
        [0, 0, 1, 2, 5, 6, 7, 8],
      ]) {
        const turning = Math.floor((rotaryFraction * headDim) / 2);
        const angle = (batch: number, position: number, pair: number): number =>
          pair < turning ? (positions[batch * 4 + position] ?? NaN) * 100 ** ((-2 * pair) / headDim) : 0;
        test(`rope, headDim ${headDim}, fraction ${rotaryFraction}, positions ${positions.join()}`, async () => {
          const { cos, sin } = ropeTables({
            positions: Int32Array.from(positions),
            batch: 2,
            length: 4,
            headDim,
            theta: 100,
            rotaryFraction,
          });
          await checkOperation(runner, {
            inputs: { x: someValues(5, [2, 4, heads, headDim]) },
            compute: ({ x }) => rope(x as Tensor4D, cos, sin),
            reference: ({ x }) => ropeReference(x, angle),
            mistakes: {
              'neighbouring elements paired': ({ x }) => ropeReference(x, angle, 'interleaved'),
              'turned backwards': ({ x }) => ropeReference(x, (...place) => -angle(...place)),
              'exponent over the turning part only': ({ x }) =>
                rotaryFraction === 1
                  ? valuesOf(x.shape, () => 9)
                  : ropeReference(x, (batch, position, pair) =>
                      pair < turning ? (positions[batch * 4 + position] ?? NaN) * 100 ** (-pair / turning) : 0,
                    ),
            },
          });
          tf.dispose([cos, sin]);
        });
      }
    }

    for (const { headDim, heads, batch, shared } of [
      { headDim: 8, heads: 3, batch: 2, shared: true },
      { headDim: 32, heads: 1, batch: 2, shared: false },
      { headDim: 128, heads: 2, batch: 1, shared: true },
    ]) {
      const length = 5;
      const turning = headDim / 4;
      const positionOf = (row: number, position: number): number => (shared ? position : Math.max(0, position - row));
      const angle = (row: number, position: number, pair: number): number =>
        pair < turning ? positionOf(row, position) * 50 ** ((-2 * pair) / headDim) : 0;
      test(`normRope, ${batch} x ${length} x ${heads} heads of ${headDim}`, async () => {
        const tables = shared ? 1 : batch;
        const positions = Int32Array.from({ length: tables * length }, (_, at) => positionOf(Math.floor(at / length), at % length));
        const { cos, sin } = ropeTables({ positions, batch: tables, length, headDim, theta: 50, rotaryFraction: 0.5 });
        const shape = [batch, length, heads, headDim];
        const normed = (x: Values, weight: Values): Values =>
          rmsNormReference(
            valuesOf(shape, (index) => x.data[index] ?? NaN),
            (column) => weight.data[column] ?? NaN,
            EPSILON,
          );
        await checkOperation(runner, {
          inputs: { x: someValues(61, [batch * length, heads * headDim], 2), weight: someValues(62, [headDim], 1.5) },
          compute: ({ x, weight }) => normRope(x as Tensor2D, weight as Tensor1D, cos, sin, EPSILON),
          reference: ({ x, weight }) => ropeReference(normed(x, weight), angle),
          mistakes: {
            'rotated first': ({ x, weight }) =>
              rmsNormReference(
                ropeReference(
                  valuesOf(shape, (index) => x.data[index] ?? NaN),
                  angle,
                ),
                (column) => weight.data[column] ?? NaN,
                EPSILON,
              ),
            'not rotated': ({ x, weight }) => normed(x, weight),
          },
        });
        tf.dispose([cos, sin]);
      });
    }

    const attentions = [
      { name: 'all heads alike, no window', heads: 2, kvHeads: 2, queries: 5, keys: 5, window: 0, offset: 0, valid: ['11111', '11111'] },
      { name: 'one kv head, window 3', heads: 4, kvHeads: 1, queries: 6, keys: 6, window: 3, offset: 0, valid: ['111111', '111111'] },
      { name: 'two kv heads, left padding', heads: 4, kvHeads: 2, queries: 5, keys: 5, window: 3, offset: 0, valid: ['00111', '11111'] },
      { name: 'one query after cached keys', heads: 4, kvHeads: 2, queries: 1, keys: 6, window: 4, offset: 5, valid: ['111111', '111011'] },
      {
        name: 'two queries after cached keys',
        heads: 2,
        kvHeads: 1,
        queries: 2,
        keys: 9,
        window: 5,
        offset: 7,
        valid: ['111111111', '111101111'],
      },
      {
        name: 'more keys than a vector register holds',
        heads: 4,
        kvHeads: 2,
        queries: 21,
        keys: 21,
        window: 11,
        offset: 0,
        valid: ['000111111111111111111', '111111111111111111111'],
      },
    ];
    for (const { name, heads, kvHeads, queries, keys, window, offset, valid } of attentions) {
      test(`causalAttention: ${name}`, async () => {
        const mask = validityOf(...valid);
        const maskTensor = tf.tensor2d(Float32Array.from(mask.data), [2, keys]);
        const headDim = queries > 9 ? 19 : 6;
        const scale = kvHeads === 1 ? 1 : 0.7;
        const base = { valid: mask, window, offset, scale, kvHeadOf: (head: number) => Math.floor((head * kvHeads) / heads) };
        type QueryKeyValue = Readonly<Record<'q' | 'k' | 'v', Values>>;
        const padded = valid.some((row) => row.includes('0'));
        const inputs = {
          q: someValues(6, [2, queries, heads, headDim], 1.5),
          k: someValues(7, [2, keys, kvHeads, headDim], 1.5),
          v: someValues(8, [2, keys, kvHeads, headDim]),
        };
        await checkOperation(runner, {
          inputs,
          compute: ({ q, k, v }) =>
            causalAttention({ q: q as Tensor4D, k: k as Tensor4D, v: v as Tensor4D, valid: maskTensor, window, offset, scale }),
          reference: (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv }),
          mistakes: {
            'not causal': (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv, offset: offset - 1 }),
            'scale left out': (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv, scale: scale * 0.5 }),
            ...(window === 0
              ? {}
              : {
                  'window one too wide': (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv, window: window + 1 }),
                  'window one too narrow': (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv, window: window - 1 }),
                }),
            ...(kvHeads === 1 || kvHeads === heads
              ? {}
              : {
                  'heads dealt in turn': (qkv: QueryKeyValue) =>
                    attentionReference({ ...base, ...qkv, kvHeadOf: (head) => head % kvHeads }),
                }),
            ...(padded
              ? { 'padding seen': (qkv: QueryKeyValue) => attentionReference({ ...base, ...qkv, valid: valuesOf(mask.shape, () => 1) }) }
              : {}),
          },
        });
        await checkOperation(runner, {
          inputs,
          compute: ({ q, k, v }) =>
            causalAttentionRows({ q: q as Tensor4D, k: k as Tensor4D, v: v as Tensor4D, valid: maskTensor, window, offset, scale }),
          reference: (qkv: QueryKeyValue) => ({ ...attentionReference({ ...base, ...qkv }), shape: [2 * queries, heads * headDim] }),
        });
        maskTensor.dispose();
      });
    }

    test('causalAttention gives zeros, not NaN, to a query that sees no key', async () => {
      const q = tf.ones<Rank.R4>([1, 3, 2, 4]);
      const k = tf.mul<Tensor4D>(q, 0.5);
      const valid = tf.tensor2d([[0, 0, 1]]);
      const options = { q, k, v: q, valid, window: 0, offset: 0, scale: 1 };
      const result = causalAttention(options);
      expect(Array.from(await result.data())).toEqual([...Array<number>(16).fill(0), ...Array<number>(8).fill(1)]);
      const gradient = tf.grad((keys) => tf.sum(causalAttention({ ...options, k: keys as Tensor4D })))(k);
      expect((await gradient.data()).every((value) => Math.abs(value) < 1e-6)).toBe(true);
      tf.dispose([q, k, valid, result, gradient]);
    });

    test('causalAttention does not overflow on large scores', async () => {
      const q = tf.fill<Rank.R4>([1, 4, 1, 4], 100);
      const valid = tf.ones<Rank.R2>([1, 4]);
      const result = causalAttention({ q, k: q, v: q, valid, window: 0, offset: 0, scale: 1 });
      expect((await result.data()).every((value) => Math.abs(value - 100) < 1e-3)).toBe(true);
      tf.dispose([q, valid, result]);
    });

    for (const shape of [[2, 3, 7], [4, 16], [3, 1001], [1]]) {
      test(`geglu, [${shape.join()}]`, () =>
        checkOperation(runner, {
          inputs: { gate: someValues(9, shape, 4), up: someValues(10, shape, 2) },
          compute: ({ gate, up }) => geglu(gate, up),
          tolerance: 4e-6,
          reference: ({ gate, up }) => elementwise(gate, (value, index) => geluTanh(value) * (up.data[index] ?? NaN)),
          mistakes:
            shape.length === 1
              ? {}
              : {
                  'exact GELU': ({ gate, up }) => elementwise(gate, (value, index) => geluExact(value) * (up.data[index] ?? NaN)),
                  'the roles exchanged': ({ gate, up }) => elementwise(up, (value, index) => geluTanh(value) * (gate.data[index] ?? NaN)),
                },
        }));
    }

    test('geglu is finite for large inputs', async () => {
      const gate = tf.tensor1d([-1e4, -50, 0, 50, 1e4]);
      const up = tf.onesLike(gate);
      const result = geglu(gate, up);
      expect(largestError(await result.data(), [0, 0, 0, 50, 1e4])).toBeLessThan(1e-6);
      const gradient = tf.grad((x) => tf.sum(geglu(x, up)))(gate);
      expect(largestError(await gradient.data(), [0, 0, 0.5, 1, 1])).toBeLessThan(1e-6);
      tf.dispose([gate, up, result, gradient]);
    });

    for (const { rate, shape, seed } of [
      { rate: 0.05, shape: [7, 33], seed: [1, 2] },
      { rate: 0.5, shape: [1, 5], seed: [4294967295, 2147483648] },
      { rate: 0.9, shape: [3, 4, 17], seed: [3735928559, 305419896] },
    ] as const) {
      test(`dropout of ${rate}, [${shape.join()}]`, () => {
        const stream = (): RandomStream => {
          const numbers = [...seed];
          return { integer: () => numbers.shift() ?? 0 } as unknown as RandomStream;
        };
        return checkOperation<'x'>(runner, {
          inputs: { x: someValues(63, shape) },
          compute: ({ x }) => dropout(x, rate, stream()),
          reference: ({ x }) => dropoutReference(x, rate, seed),
          mistakes: {
            'not divided by what stays': ({ x }) => elementwise(dropoutReference(x, rate, seed), (value) => value * (1 - rate)),
            ...(shape.length === 2 && shape[0] === 1
              ? {}
              : { 'another seed': ({ x }) => dropoutReference(x, rate, [seed[0] + 1, seed[1]]) }),
          },
        });
      });
    }

    test('linear and loraLinear', () =>
      checkOperation(runner, {
        inputs: {
          x: someValues(11, [2, 3, 9]),
          weight: someValues(12, [5, 9]),
          a: someValues(13, [2, 9]),
          b: someValues(14, [5, 2]),
        },
        compute: ({ x, weight, a, b }) =>
          tf.tidy(() => loraLinear(x, linear(x, weight as Tensor2D), { a: a as Tensor2D, b: b as Tensor2D }, 0.75)),
        reference: ({ x, weight, a, b }) => withLora(x, weight, a, b, 0.75),
        mistakes: { 'scale left out': ({ x, weight, a, b }) => withLora(x, weight, a, b, 1) },
      }));

    // The form that the decoder uses, at sizes with and without remainders in every direction.
    for (const [rows, inn, rank, out] of [
      [1, 3, 1, 1],
      [5, 9, 3, 7],
      [33, 16, 8, 12],
    ] as const) {
      test(`loraLinear on rows, [${rows}, ${inn}] of rank ${rank} to ${out}`, () =>
        checkOperation(runner, {
          inputs: {
            x: someValues(51, [rows, inn]),
            base: someValues(52, [rows, out]),
            a: someValues(53, [rank, inn]),
            b: someValues(54, [out, rank]),
          },
          compute: ({ x, base, a, b }) => loraLinear(x, base, { a: a as Tensor2D, b: b as Tensor2D }, -1.5),
          reference: ({ x, base, a, b }) => {
            const term = linearReference(linearReference(x, a), b);
            return valuesOf([rows, out], (index) => (base.data[index] ?? NaN) - 1.5 * (term.data[index] ?? NaN));
          },
        }));
    }

    for (const [rows, inn, rank, out, rate] of [
      [1, 3, 1, 1, 0],
      [5, 9, 3, 7, 0],
      [33, 16, 8, 12, 0],
      [2, 5, 2, 3, 0.4],
      [33, 16, 8, 12, 0.5],
    ] as const) {
      test(`adaptedLinear, [${rows}, ${inn}] of rank ${rank} to ${out}, dropout ${rate}`, () => {
        const seed = [305419896, 2147483648] as const;
        const stream = (): RandomStream => {
          const numbers = [...seed];
          return { integer: () => numbers.shift() ?? 0 } as unknown as RandomStream;
        };
        type All = Readonly<Record<'x' | 'weight' | 'a' | 'b', Values>>;
        const weight = someValues(12, [out, inn]);
        const reference = ({ x, a, b }: Omit<All, 'weight'>, scale: number, dropped = dropoutReference(x, rate, seed)): Values => {
          const term = linearReference(linearReference(dropped, a), b);
          return elementwise(linearReference(x, weight), (value, at) => value + scale * (term.data[at] ?? NaN));
        };
        const frozen = tf.tensor2d(Float32Array.from(weight.data), [out, inn]);
        return checkOperation<'x' | 'a' | 'b'>(runner, {
          inputs: { x: someValues(51, [rows, inn]), a: someValues(53, [rank, inn]), b: someValues(54, [out, rank]) },
          compute: ({ x, a, b }) =>
            adaptedLinear(x as Tensor2D, frozen, {
              pair: { a: a as Tensor2D, b: b as Tensor2D },
              scale: -1.5,
              dropout: { rate, random: stream() },
            }),
          reference: (given) => reference(given, -1.5),
          mistakes: {
            'scale left out': (given) => reference(given, 1),
            ...(rate === 0 ? {} : { 'nothing dropped': (given: Omit<All, 'weight'>) => reference(given, -1.5, given.x) }),
          },
        }).finally(() => frozen.dispose());
      });
    }

    for (const shape of [[1], [3, 17], [2, 4097]]) {
      test(`softcapped, [${shape.join()}]`, () => {
        const capped = (x: Values, cap: number): Values => elementwise(x, (value) => cap * Math.tanh(value / cap));
        return checkOperation<'x'>(runner, {
          inputs: { x: someValues(71, shape, 6) },
          compute: ({ x }) => softcapped(x, 2),
          reference: ({ x }) => capped(x, 2),
          mistakes: {
            'the other softcap': ({ x }) => capped(x, 3),
            'no softcap': ({ x }) => x,
          },
        });
      });
    }

    for (const { name, vocabulary, chunk } of [
      { name: 'one chunk', vocabulary: 13, chunk: 13 },
      { name: 'chunks of unequal size', vocabulary: 13, chunk: 5 },
      { name: 'equal chunks', vocabulary: 12, chunk: 4 },
      { name: 'larger chunks', vocabulary: 150, chunk: 64 },
    ]) {
      for (const softcap of [0, 2]) {
        const targets = Int32Array.of(0, vocabulary - 1, 5, 4, 5);
        test(`softcappedCrossEntropy, ${name}, softcap ${softcap}`, () =>
          checkOperation(runner, {
            inputs: { hidden: someValues(15, [5, 7], 2), table: someValues(16, [vocabulary, 7]) },
            compute: ({ hidden, table }) =>
              softcappedCrossEntropy({ hidden: hidden as Tensor2D, table: table as Tensor2D, targets, softcap, chunk }),
            reference: ({ hidden, table }) => crossEntropyReference(hidden, table, targets, softcap),
            mistakes: {
              'the other softcap': ({ hidden, table }) => crossEntropyReference(hidden, table, targets, softcap === 0 ? 2 : 0),
              'targets one off': ({ hidden, table }) =>
                crossEntropyReference(
                  hidden,
                  table,
                  targets.map((id) => (id + 1) % vocabulary),
                  softcap,
                ),
            },
          }));
      }
    }

    test('softcappedCrossEntropy is right for logits far beyond the softcap', () =>
      checkOperation(runner, {
        inputs: { hidden: someValues(17, [3, 6], 60), table: someValues(18, [9, 6], 10) },
        compute: ({ hidden, table }) =>
          softcappedCrossEntropy({
            hidden: hidden as Tensor2D,
            table: table as Tensor2D,
            targets: Int32Array.of(1, 2, 3),
            softcap: 30,
            chunk: 4,
          }),
        reference: ({ hidden, table }) => crossEntropyReference(hidden, table, [1, 2, 3], 30),
        tolerance: 3e-4,
      }));

    for (const softcap of [0, 3]) {
      test(`softcappedLogits, softcap ${softcap}`, () =>
        checkOperation(runner, {
          inputs: { hidden: someValues(19, [4, 6], 2), table: someValues(20, [11, 6]) },
          compute: ({ hidden, table }) => softcappedLogits({ hidden: hidden as Tensor2D, table: table as Tensor2D, softcap }),
          reference: ({ hidden, table }) => softcappedLogitsReference(hidden, table, softcap),
        }));
    }

    test('embeddingRows adds the gradients of a row that is read twice', () => {
      const ids = Int32Array.of(3, 0, 3, 6, 3, 1);
      return checkOperation(runner, {
        inputs: { table: someValues(21, [7, 5]) },
        compute: ({ table }) => embeddingRows(table as Tensor2D, ids, [2, 3]),
        reference: ({ table }) => rowsReference(table, ids, [2, 3]),
      });
    });

    test('nf4Unpack', async () => {
      const bytes = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 11) & 255);
      const scales = someValues(22, [2], 3).data;
      const codes = tf.tensor1d(new Int32Array(bytes.buffer), 'int32');
      const absmax = tf.tensor1d(Float32Array.from(scales));
      const expected = Float64Array.from({ length: 5 * 23 }, (_, index) => {
        const byte = bytes[index >> 1] ?? 0;
        const code = index % 2 === 0 ? byte >> 4 : byte & 15;
        return (NF4_VALUES[code] ?? NaN) * (scales[index >> 6] ?? NaN);
      });
      const result = nf4Unpack({ codes, absmax, blockSize: 64, shape: [5, 23] });
      expect(result.shape).toEqual([5, 23]);
      expect(largestError(await result.data(), expected)).toBeLessThan(1e-7);
      tf.dispose([codes, absmax, result]);
    });

    describeEdges(runner, test);
  });

  describe(`stock kernels${on}`, () => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        for (const [batchA, batchB] of [
          [1, 1],
          [3, 3],
          [1, 3],
          [3, 1],
        ] as const) {
          for (const [m, inner, n] of [
            [5, 7, 9],
            [1, 16, 3],
            [4, 1, 8],
            [33, 70, 45],
          ] as const) {
            const name = `${batchA}x[${m},${inner}]${transposeA ? 'ᵀ' : ''} by ${batchB}x[${inner},${n}]${transposeB ? 'ᵀ' : ''}`;
            test(`matMul ${name}`, () =>
              checkOperation(runner, {
                inputs: {
                  a: someValues(23, transposeA ? [batchA, inner, m] : [batchA, m, inner]),
                  b: someValues(24, transposeB ? [batchB, n, inner] : [batchB, inner, n]),
                },
                // tfjs 4.22 gives a broadcast operand a gradient of the unreduced shape, so only equal batches are differentiated.
                // The gradients of the large one are again products, in the transposes that this loop covers.
                differentiable: batchA === batchB && inner < 70 ? ['a', 'b'] : [],
                compute: ({ a, b }) => tf.matMul(a, b, transposeA, transposeB),
                reference: ({ a, b }) => matMulReference(a, b, transposeA, transposeB),
              }));
          }
        }
      }
    }

    test('exp', () =>
      checkOperation(runner, {
        inputs: { x: someValues(25, [3, 37], 3) },
        compute: ({ x }) => tf.exp(x),
        reference: ({ x }) => elementwise(x, Math.exp),
      }));

    test('exp is relatively exact far below and above 0, and saturates', async () => {
      const inputs = Array.from({ length: 331 }, (_, index) => -80 + index * 0.5).filter((value) => value <= 85);
      const x = tf.tensor1d([...inputs, -200, -1e30, 200]);
      const y = tf.exp(x);
      const values = await y.data();
      const ratios = inputs.map((value, index) => (values[index] ?? NaN) / Math.exp(value));
      expect(
        largestError(
          ratios,
          inputs.map(() => 1),
        ),
      ).toBeLessThan(2e-6);
      expect([values[inputs.length], values[inputs.length + 1], values[inputs.length + 2]]).toEqual([0, 0, Infinity]);
      tf.dispose([x, y]);
    });

    test('tanh', () =>
      checkOperation(runner, {
        inputs: { x: someValues(26, [5, 23], 4) },
        compute: ({ x }) => tf.tanh(x),
        reference: ({ x }) => elementwise(x, Math.tanh),
      }));

    test('tanh is relatively exact near 0 and saturates', async () => {
      const inputs = [1e-6, 1e-4, 0.01, 0.1, 0.3, 1, 3, 9, 20, 100, 1e30].flatMap((value) => [value, -value]);
      const x = tf.tensor1d(inputs);
      const y = tf.tanh(x);
      const values = await y.data();
      const ratios = inputs.map((value, index) => (values[index] ?? NaN) / Math.tanh(Math.fround(value)));
      expect(
        largestError(
          ratios,
          inputs.map(() => 1),
        ),
      ).toBeLessThan(2e-6);
      tf.dispose([x, y]);
    });
  });
}

function withLora(x: Values, weight: Values, a: Values, b: Values, scale: number): Values {
  const base = linearReference(x, weight);
  const added = linearReference(linearReference(x, a), b);
  return elementwise(base, (value, index) => value + scale * (added.data[index] ?? NaN));
}
