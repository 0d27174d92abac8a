import { embeddingRows, geglu, linear, matMul, rmsNorm, tf } from '@nlakit/ops';
import { dirtyMemory } from '@nlakit/ops/testing';
import { check, checkNear, checkSame } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';

/** More than 16 bits count, and no multiple of what kernels go in steps of. */
const many = 70_001;
const epsilon = 1e-6;

/** An operation at an edge, with what it has to give. */
interface Edge {
  readonly name: string;
  readonly compute: () => tf.Tensor;
  readonly shape: readonly number[];
  /** In row-major order; NaN stands for NaN, infinities for themselves. */
  readonly expected: (at: number) => number;
}

/**
 * What a backend must do at the edges: arrays without elements, axes longer than 16 bits count, batches that are broadcast, and numbers
 * that are not finite, which have to stay so: an engine that loses a NaN hides that training has failed.
 *
 * @param started makes the backend current
 */
export function backendEdgeCases(started: (subject: Subject<'backend'>) => Promise<unknown>): ConformanceCase<'backend'>[] {
  const groups: Readonly<Record<string, () => readonly Edge[]>> = {
    'takes arrays without elements': emptyEdges,
    'takes axes longer than 65535': longEdges,
    'multiplies broadcast batches, however transposed': broadcastEdges,
    'keeps what is not finite': nonFiniteEdges,
  };
  return Object.entries(groups).map(([name, edges]) => ({
    name: `backend: ${name}`,
    level: 2,
    run: async (subject) => {
      await started(subject);
      const wrong: string[] = [];
      for (const edge of edges()) {
        const problem = await checkNoLeak(edge.name, () => checkEdge(edge)).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
        if (problem !== undefined) wrong.push(`${edge.name}: ${problem}`);
      }
      check(wrong.length === 0, 'Operations are wrong at an edge.', wrong.join(' '));
    },
  }));
}

async function checkEdge({ name, compute, shape, expected }: Edge): Promise<void> {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size < 1000) dirtyMemory([size]);
  const result = tf.tidy(compute);
  try {
    checkSame(result.shape, shape, `${name} has another shape: [${result.shape.join()}].`);
    const values = await result.data();
    const wanted = Array.from({ length: result.size }, (_, at) => expected(at));
    const odd = wanted.findIndex((value, at) => !Number.isFinite(value) && !Object.is(values[at], value));
    check(odd < 0, `${String(values[odd])} at ${odd} in place of ${String(wanted[odd])}.`);
    const finite = wanted.flatMap((value, at) => (Number.isFinite(value) ? [at] : []));
    checkNear(
      finite.map((at) => values[at] ?? NaN),
      finite.map((at) => wanted[at] ?? NaN),
      1e-5,
      'A number is wrong.',
    );
  } finally {
    result.dispose();
  }
}

const none = (): number => NaN;
const zero = (): number => 0;

function emptyEdges(): Edge[] {
  const empty = (...shape: readonly number[]): tf.Tensor => tf.zeros([...shape]);
  const some = (...shape: readonly number[]): tf.Tensor => tf.ones([...shape]);
  return [
    { name: 'a sum with a row', compute: () => tf.add(empty(0, 3), some(3)), shape: [0, 3], expected: none },
    { name: 'a product with a number', compute: () => tf.mul(empty(2, 0), 3), shape: [2, 0], expected: none },
    { name: 'exp', compute: () => tf.exp(empty(0, 4)), shape: [0, 4], expected: none },
    { name: 'tanh', compute: () => tf.tanh(empty(0)), shape: [0], expected: none },
    { name: 'sqrt', compute: () => tf.sqrt(empty(3, 0)), shape: [3, 0], expected: none },
    { name: 'a sum over all', compute: () => tf.sum(empty(0, 3)), shape: [], expected: zero },
    { name: 'a sum over no rows', compute: () => tf.sum(empty(0, 3), 0), shape: [3], expected: zero },
    { name: 'a sum over no columns', compute: () => tf.sum(empty(2, 0), 1), shape: [2], expected: zero },
    { name: 'rows after no rows', compute: () => tf.concat([empty(0, 2), some(3, 2)]), shape: [3, 2], expected: () => 1 },
    { name: 'a slice of no rows', compute: () => tf.slice(some(5, 2), [2, 0], [0, 2]), shape: [0, 2], expected: none },
    { name: 'a transpose', compute: () => tf.transpose(empty(0, 3)), shape: [3, 0], expected: none },
    { name: 'a reshape', compute: () => tf.reshape(empty(0, 6), [0, 2, 3]), shape: [0, 2, 3], expected: none },
    ...transposes.flatMap(({ left, right, says }): Edge[] => [
      {
        name: `matMul of no rows${says}`,
        compute: () => tf.matMul(left ? empty(3, 0) : empty(0, 3), right ? some(2, 3) : some(3, 2), left, right),
        shape: [0, 2],
        expected: none,
      },
      {
        name: `matMul over nothing${says}`,
        compute: () => tf.matMul(left ? empty(0, 2) : empty(2, 0), right ? empty(3, 0) : empty(0, 3), left, right),
        shape: [2, 3],
        expected: zero,
      },
    ]),
    {
      name: 'embeddingRows of no ids',
      compute: () => embeddingRows(some(4, 3) as tf.Tensor2D, new Int32Array(), [0]),
      shape: [0, 3],
      expected: none,
    },
    {
      name: 'rmsNorm',
      compute: () => rmsNorm(empty(0, 8), some(8) as tf.Tensor1D, epsilon),
      shape: [0, 8],
      expected: none,
    },
    { name: 'geglu', compute: () => geglu(empty(0, 5), empty(0, 5)), shape: [0, 5], expected: none },
    { name: 'linear', compute: () => linear(empty(0, 9), some(4, 9) as tf.Tensor2D), shape: [0, 4], expected: none },
    {
      name: 'the gradient of linear in its weight',
      compute: () => tf.grad((weight) => tf.sum(linear(empty(0, 9), weight as tf.Tensor2D)))(some(4, 9)),
      shape: [4, 9],
      expected: zero,
    },
    {
      name: 'the gradient of rmsNorm in its weight',
      compute: () => tf.grad((weight) => tf.sum(rmsNorm(empty(0, 8), weight as tf.Tensor1D, epsilon)))(some(8)),
      shape: [8],
      expected: zero,
    },
  ];
}

/** Values whose sums over long axes are exact in f32. */
const exact = (at: number): number => ((at * 7) % 5) / 4 - 0.5;
const exactTensor = (...shape: readonly number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((product, extent) => product * extent, 1) }, (_, at) => exact(at)),
    [...shape],
  );
const total = (count: number, term: (at: number) => number): number => {
  let sum = 0;
  for (let at = 0; at < count; at += 1) sum += term(at);
  return sum;
};

function longEdges(): Edge[] {
  const ids = Int32Array.from({ length: many }, (_, at) => at % 10);
  return [
    {
      name: 'a sum with a row',
      compute: () => tf.add(exactTensor(many, 2), exactTensor(2)),
      shape: [many, 2],
      expected: (at) => exact(at) + exact(at % 2),
    },
    {
      name: 'a sum over rows',
      compute: () => tf.sum(exactTensor(many, 2), 0),
      shape: [2],
      expected: (at) => total(many, (row) => exact(2 * row + at)),
    },
    {
      name: 'a sum over columns',
      compute: () => tf.sum(exactTensor(2, many), 1),
      shape: [2],
      expected: (at) => total(many, (column) => exact(at * many + column)),
    },
    {
      name: 'sums of many rows',
      compute: () => tf.sum(exactTensor(many, 3), 1),
      shape: [many],
      expected: (at) => total(3, (column) => exact(3 * at + column)),
    },
    {
      name: 'a transpose',
      compute: () => tf.transpose(exactTensor(many, 2)),
      shape: [2, many],
      expected: (at) => exact(2 * (at % many) + Math.floor(at / many)),
    },
    {
      name: 'a slice behind',
      compute: () => tf.slice(exactTensor(many, 2), [many - 3, 0], [3, 2]),
      shape: [3, 2],
      expected: (at) => exact(2 * (many - 3) + at),
    },
    {
      name: 'columns beside columns',
      compute: () => tf.concat([exactTensor(many, 1), exactTensor(many, 2)], 1),
      shape: [many, 3],
      expected: (at) => (at % 3 === 0 ? exact(Math.floor(at / 3)) : exact(2 * Math.floor(at / 3) + (at % 3) - 1)),
    },
    ...transposes.flatMap(({ left, right, says }): Edge[] => [
      {
        name: `matMul of many rows${says}`,
        compute: () =>
          tf.matMul(left ? exactTensor(3, many) : exactTensor(many, 3), right ? exactTensor(2, 3) : exactTensor(3, 2), left, right),
        shape: [many, 2],
        expected: (at) => {
          const [row, column] = [Math.floor(at / 2), at % 2];
          return total(
            3,
            (inner) => exact(left ? inner * many + row : 3 * row + inner) * exact(right ? 3 * column + inner : 2 * inner + column),
          );
        },
      },
      {
        name: `matMul over much${says}`,
        compute: () =>
          tf.matMul(left ? exactTensor(many, 2) : exactTensor(2, many), right ? exactTensor(3, many) : exactTensor(many, 3), left, right),
        shape: [2, 3],
        expected: (at) => {
          const [row, column] = [Math.floor(at / 3), at % 3];
          return total(
            many,
            (inner) => exact(left ? 2 * inner + row : row * many + inner) * exact(right ? column * many + inner : 3 * inner + column),
          );
        },
      },
    ]),
    {
      name: 'embeddingRows of many ids',
      compute: () => embeddingRows(exactTensor(10, 3) as tf.Tensor2D, ids, [many]),
      shape: [many, 3],
      expected: (at) => exact(3 * (Math.floor(at / 3) % 10) + (at % 3)),
    },
    {
      name: 'rmsNorm of many rows',
      compute: () => rmsNorm(exactTensor(many, 3), undefined, epsilon),
      shape: [many, 3],
      expected: (at) => {
        const row = at - (at % 3);
        return exact(at) / Math.sqrt(total(3, (column) => exact(row + column) ** 2) / 3 + epsilon);
      },
    },
    {
      name: 'geglu of a long row',
      compute: () => geglu(exactTensor(1, many), exactTensor(1, many)),
      shape: [1, many],
      expected: (at) => gelu(exact(at)) * exact(at),
    },
  ];
}

const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function broadcastEdges(): Edge[] {
  const [rows, inner, columns] = [5, 7, 2];
  const batches = [
    [[3], [1]],
    [[1], [3]],
    [
      [2, 3],
      [1, 1],
    ],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 1],
      [1, 3],
    ],
    [[2, 1], [3]],
  ] as const;
  return batches.flatMap(([one, other]) => {
    const rank = Math.max(one.length, other.length);
    const [left, right] = [one, other].map((own) => [...Array<number>(rank - own.length).fill(1), ...own]) as [number[], number[]];
    const batch = left.map((extent, axis) => Math.max(extent, right[axis] ?? 1));
    const places = batch.reduce((product, extent) => product * extent, 1);
    /** Where a place of the result's batch lies in the batch of an operand. */
    const placeIn = (own: readonly number[], place: number): number => {
      let [rest, result, stride] = [place, 0, 1];
      for (let axis = rank - 1; axis >= 0; axis -= 1) {
        const index = rest % (batch[axis] ?? 1);
        rest = Math.floor(rest / (batch[axis] ?? 1));
        if (own[axis] !== 1) result += index * stride;
        stride *= own[axis] ?? 1;
      }
      return result;
    };
    return transposes.flatMap(({ left: transposeA, right: transposeB, says }): Edge[] => {
      const [a, b] = [
        [...one, ...(transposeA ? [inner, rows] : [rows, inner])],
        [...other, ...(transposeB ? [columns, inner] : [inner, columns])],
      ];
      /** An element of the first operand, of the second, and of the gradient of the result. */
      const first = (place: number, row: number, k: number): number =>
        exact(placeIn(left, place) * rows * inner + (transposeA ? k * rows + row : row * inner + k));
      const second = (place: number, k: number, column: number): number =>
        exact(placeIn(right, place) * inner * columns + (transposeB ? column * inner + k : k * columns + column));
      const slope = (place: number, row: number, column: number): number => exact((place * rows + row) * columns + column + 3);
      const slopes = (): tf.Tensor =>
        tf.tensor(
          Float32Array.from({ length: places * rows * columns }, (_, at) => exact(at + 3)),
          [...batch, rows, columns],
        );
      const weighted = (x: tf.Tensor, y: tf.Tensor): tf.Tensor => tf.sum(tf.mul(matMul(x, y, transposeA, transposeB), slopes()));
      /** Over all places of the result's batch that an operand's own place is repeated at. */
      const gathered = (own: readonly number[], place: number, term: (from: number) => number): number =>
        total(places, (from) => (placeIn(own, from) === place ? term(from) : 0));
      const about = `matMul of batches [${one.join()}] and [${other.join()}]${says}`;
      return [
        {
          name: about,
          compute: () => matMul(exactTensor(...a), exactTensor(...b), transposeA, transposeB),
          shape: [...batch, rows, columns],
          expected: (at) => {
            const [place, row, column] = [Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns];
            return total(inner, (k) => first(place, row, k) * second(place, k, column));
          },
        },
        {
          name: `the gradient in the first of ${about}`,
          compute: () => tf.grad((x) => weighted(x, exactTensor(...b)))(exactTensor(...a)),
          shape: a,
          expected: (at) => {
            const within = at % (rows * inner);
            const [row, k] = transposeA ? [within % rows, Math.floor(within / rows)] : [Math.floor(within / inner), within % inner];
            return gathered(left, Math.floor(at / (rows * inner)), (from) =>
              total(columns, (column) => slope(from, row, column) * second(from, k, column)),
            );
          },
        },
        {
          name: `the gradient in the second of ${about}`,
          compute: () => tf.grad((y) => weighted(exactTensor(...a), y))(exactTensor(...b)),
          shape: b,
          expected: (at) => {
            const within = at % (inner * columns);
            const [k, column] = transposeB
              ? [within % inner, Math.floor(within / inner)]
              : [Math.floor(within / columns), within % columns];
            return gathered(right, Math.floor(at / (inner * columns)), (from) =>
              total(rows, (row) => slope(from, row, column) * first(from, row, k)),
            );
          },
        },
      ];
    });
  });
}

function nonFiniteEdges(): Edge[] {
  const odd = [NaN, Infinity, -Infinity, 1];
  const elementwise = (name: string, compute: (x: tf.Tensor) => tf.Tensor, expected: (x: number) => number): Edge => ({
    name,
    compute: () => compute(tf.tensor1d(odd)),
    shape: [4],
    expected: (at) => expected(odd[at] ?? 0),
  });
  const [rows, inner, columns] = [9, 17, 5];
  /** Ones, with a NaN in the second row. */
  const spoilt = Float32Array.from({ length: rows * inner }, (_, at) => (at === inner + 3 ? NaN : 1));
  const spoiltTensor = (): tf.Tensor2D => tf.tensor2d(spoilt, [rows, inner]);
  const inSecondRow =
    (width: number, otherwise: number) =>
    (at: number): number =>
      Math.floor(at / width) === 1 ? NaN : otherwise;
  return [
    elementwise(
      'a sum',
      (x) => tf.add(x, 1),
      (x) => x + 1,
    ),
    elementwise(
      'a product',
      (x) => tf.mul(x, 2),
      (x) => x * 2,
    ),
    elementwise(
      'a difference of equals',
      (x) => tf.sub(x, x),
      (x) => x - x,
    ),
    elementwise('exp', (x) => tf.exp(x), Math.exp),
    elementwise('tanh', (x) => tf.tanh(x), Math.tanh),
    elementwise('sqrt', (x) => tf.sqrt(x), Math.sqrt),
    elementwise(
      'geglu by its second',
      (x) => geglu(tf.ones([4]), x),
      (x) => gelu(1) * x,
    ),
    {
      name: 'geglu by its first',
      compute: () => geglu(tf.tensor1d([NaN, 1]), tf.ones([2])),
      shape: [2],
      expected: (at) => (at === 0 ? NaN : gelu(1)),
    },
    { name: 'sums of rows', compute: () => tf.sum(spoiltTensor(), 1), shape: [rows], expected: inSecondRow(1, inner) },
    {
      name: 'rmsNorm',
      compute: () => rmsNorm(spoiltTensor(), undefined, epsilon),
      shape: [rows, inner],
      expected: inSecondRow(inner, 1 / Math.sqrt(1 + epsilon)),
    },
    ...transposes.map(({ left, right, says }): Edge => ({
      name: `matMul${says}`,
      compute: () =>
        tf.matMul(left ? tf.transpose(spoiltTensor()) : spoiltTensor(), tf.ones(right ? [columns, inner] : [inner, columns]), left, right),
      shape: [rows, columns],
      expected: inSecondRow(columns, inner),
    })),
    ...transposes.map(({ left, right, says }): Edge => ({
      name: `matMul of an infinity by zeros${says}`,
      compute: () =>
        tf.matMul(
          tf.fill(left ? [inner, rows] : [rows, inner], Infinity),
          tf.zeros(right ? [columns, inner] : [inner, columns]),
          left,
          right,
        ),
      shape: [rows, columns],
      expected: none,
    })),
  ];
}

/** All ways in which the operands of a product can lie. */
const transposes = [
  { left: false, right: false, says: '' },
  { left: true, right: false, says: ', the first transposed' },
  { left: false, right: true, says: ', the second transposed' },
  { left: true, right: true, says: ', both transposed' },
];
