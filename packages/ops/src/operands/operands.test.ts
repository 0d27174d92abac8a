import { isNlaError } from '@nlakit/core';
import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { describe, expect, it, test } from 'vitest';
import {
  attentionGradOperands,
  attentionOperands,
  gegluGradOperands,
  gegluOperands,
  loraOperands,
  loraPairGradOperands,
  maskedSoftmaxOperands,
  nf4Operands,
  normRopeGradOperands,
  normRopeOperands,
  rmsNormAddOperands,
  rmsNormGradOperands,
  rmsNormOperands,
  ropeOperands,
  softcapCrossEntropyGradOperands,
  softcapLogSumExpOperands,
  softmaxGradOperands,
  type Operands,
} from './index.js';

type Shapes = Readonly<Record<string, readonly number[]>>;

const integers = new Set(['targets', 'codes']);

function tensor(shape: readonly number[], dtype: DataType): TensorInfo {
  return { dataId: {}, shape: [...shape], dtype };
}

function callOf(shapes: Shapes): Operands {
  return {
    inputs: Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, tensor(shape, integers.has(name) ? 'int32' : 'float32')]),
    ),
  };
}

function codeOf(read: (call: Operands) => unknown, call: Operands): string {
  try {
    read(call);
  } catch (error) {
    if (isNlaError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

interface Case {
  readonly name: string;
  readonly read: (call: Operands) => unknown;
  /** Shapes that belong together. */
  readonly fit: Shapes;
  /** Each in place of one of them does not belong to the others. */
  readonly wrong: readonly (readonly [name: string, shape: readonly number[]])[];
  /** Inputs that may be left out. */
  readonly optional?: readonly string[];
}

const qkv = { q: [2, 3, 4, 8], k: [2, 5, 2, 8], v: [2, 5, 2, 8], valid: [2, 5] };
const wrongQkv = [
  ['q', [2, 3, 3, 8]],
  ['q', [2, 3, 4, 6]],
  ['q', [3, 3, 4, 8]],
  ['q', [2, 3, 32]],
  ['k', [2, 5, 3, 8]],
  ['k', [2, 5, 0, 8]],
  ['k', [2, 6, 2, 8]],
  ['v', [2, 5, 2, 4]],
  ['v', [2, 5, 16]],
  ['valid', [2, 3]],
  ['valid', [10]],
] as const;
const turned = { x: [2, 3, 4, 8], cos: [1, 3, 4], sin: [1, 3, 4] };
const wrongTables = [
  ['cos', [2, 2, 4]],
  ['sin', [2, 3, 4]],
  ['sin', [1, 3, 3]],
  ['cos', [3, 3, 4]],
] as const;
const flat = { x: [6, 32], weight: [8], cos: [2, 3, 4], sin: [2, 3, 4] };
const wrongFlat = [
  ['x', [5, 32]],
  ['x', [6, 30]],
  ['x', [2, 3, 32]],
  ['x', [12, 32]],
  ['weight', [4]],
  ['sin', [1, 3, 4]],
] as const;
const pair = { x: [5, 3], a: [2, 3], b: [7, 2] };
const wrongPair = [
  ['x', [5, 4]],
  ['x', [5, 1, 3]],
  ['a', [2, 2]],
  ['b', [7, 3]],
] as const;

const cases: readonly Case[] = [
  { name: 'NlaAttention', read: attentionOperands, fit: qkv, wrong: wrongQkv },
  { name: 'NlaAttentionGrad', read: attentionGradOperands, fit: { ...qkv, dy: qkv.q }, wrong: [...wrongQkv, ['dy', qkv.k]] },
  { name: 'NlaRope', read: ropeOperands, fit: turned, wrong: [...wrongTables, ['x', [2, 3, 4, 7]], ['x', [6, 4, 8]]] },
  { name: 'NlaNormRope', read: normRopeOperands, fit: flat, wrong: wrongFlat },
  {
    name: 'NlaNormRopeGrad',
    read: normRopeGradOperands,
    fit: { ...flat, dy: [2, 3, 4, 8] },
    wrong: [...wrongFlat, ['dy', [6, 32]], ['dy', [3, 2, 4, 8]]],
  },
  { name: 'NlaRmsNorm', read: rmsNormOperands, fit: { x: [2, 3, 4], weight: [4] }, wrong: [['weight', [3]]], optional: ['weight'] },
  {
    name: 'NlaRmsNormAdd',
    read: rmsNormAddOperands,
    fit: { x: [2, 4], residual: [2, 4], weight: [4] },
    wrong: [
      ['weight', [1, 4]],
      ['residual', [4, 2]],
    ],
    optional: ['weight'],
  },
  {
    name: 'NlaRmsNormGrad',
    read: rmsNormGradOperands,
    fit: { x: [2, 4], dy: [2, 4], weight: [4] },
    wrong: [
      ['weight', [2]],
      ['dy', [8]],
    ],
    optional: ['weight'],
  },
  { name: 'NlaGeglu', read: gegluOperands, fit: { gate: [2, 3], up: [2, 3] }, wrong: [['up', [3, 2]]] },
  {
    name: 'NlaGegluGrad',
    read: gegluGradOperands,
    fit: { gate: [2, 3], up: [2, 3], dy: [2, 3] },
    wrong: [
      ['gate', [3, 2]],
      ['up', [6]],
      ['dy', [2, 4]],
    ],
  },
  { name: 'NlaSoftmaxGrad', read: softmaxGradOperands, fit: { y: [2, 3], dy: [2, 3] }, wrong: [['dy', [3, 2]]] },
  {
    name: 'NlaMaskedSoftmax',
    read: maskedSoftmaxOperands,
    fit: { scores: [2, 4, 3, 5], valid: [2, 5] },
    wrong: [
      ['valid', [2, 3]],
      ['scores', [8, 3, 5]],
    ],
  },
  { name: 'NlaSoftcapLogSumExp', read: softcapLogSumExpOperands, fit: { logits: [3, 9] }, wrong: [['logits', [27]]] },
  {
    name: 'NlaSoftcapCrossEntropyGrad',
    read: softcapCrossEntropyGradOperands,
    fit: { logits: [3, 9], targets: [3], lse: [3], dy: [3] },
    wrong: [
      ['targets', [9]],
      ['lse', [3, 1]],
      ['dy', [1]],
      ['logits', [3, 3, 3]],
    ],
  },
  { name: 'NlaLora', read: loraOperands, fit: { ...pair, base: [5, 7] }, wrong: [...wrongPair, ['base', [5, 3]]] },
  {
    name: 'NlaLoraPairGrad',
    read: loraPairGradOperands,
    fit: { x: pair.x, b: pair.b, low: [5, 2], dy: [5, 7] },
    wrong: [
      ['x', [4, 3]],
      ['x', [5, 1, 3]],
      ['b', [7, 3]],
      ['low', [5, 7]],
      ['dy', [5, 2]],
    ],
  },
  {
    name: 'a packed weight',
    read: (call) => nf4Operands({ ...call, attrs: { blockSize: 64 } }, 'NlaNf4Unpack', [9, 8]),
    fit: { codes: [9], absmax: [2] },
    wrong: [
      ['codes', [8]],
      ['absmax', [1]],
    ],
  },
];

describe.each(cases)('the operands of $name', ({ read, fit, wrong, optional = [] }) => {
  it('are taken where they belong together', () => {
    expect(codeOf(read, callOf(fit))).toBe('nothing was thrown');
  });

  it.each(wrong)('are refused with %s of shape %j', (name, shape) => {
    expect(codeOf(read, callOf({ ...fit, [name]: shape }))).toBe('E_KERNEL_SHAPE');
  });

  it.each(Object.keys(fit))('are refused where %s has another dtype, and where it is missing', (name) => {
    const { inputs } = callOf(fit);
    expect(codeOf(read, { inputs: { ...inputs, [name]: tensor(fit[name] ?? [], 'bool') } })).toBe('E_KERNEL_INPUT');
    const without = Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== name));
    expect(codeOf(read, { inputs: without })).toBe(optional.includes(name) ? 'nothing was thrown' : 'E_KERNEL_INPUT');
  });
});

test('sizes are read off the shapes', () => {
  expect(attentionOperands(callOf(qkv))).toMatchObject({
    sizes: { batch: 2, queries: 3, keys: 5, heads: 4, kvHeads: 2, headDim: 8 },
    isEmpty: false,
  });
  expect(attentionOperands(callOf({ ...qkv, k: [2, 0, 2, 8], v: [2, 0, 2, 8], valid: [2, 0] })).isEmpty).toBe(true);
  expect(normRopeOperands(callOf(flat))).toMatchObject({
    sizes: { batch: 2, tables: 2, positions: 3, heads: 4, half: 4 },
    byHead: [2, 3, 4, 8],
  });
  expect(ropeOperands(callOf(turned)).sizes).toEqual({ batch: 2, tables: 1, positions: 3, heads: 4, half: 4 });
  expect(loraOperands(callOf({ ...pair, base: [5, 7] })).sizes).toEqual({ rows: 5, inn: 3, rank: 2, out: 7 });
  expect(rmsNormOperands(callOf({ x: [2, 3, 4] }))).toMatchObject({ weight: undefined, rows: 6, width: 4 });
});

test('an engine may count on a block size that is a multiple of its own width', () => {
  const { inputs } = callOf({ codes: [6], absmax: [3] });
  const read = (blockSize: number) => () => nf4Operands({ inputs, attrs: { blockSize } }, 'NlaNf4Unpack', [6, 8], 32);
  expect(read(32)()).toMatchObject({ blockSize: 32, count: 48 });
  for (const blockSize of [0, 48, Number.NaN]) expect(codeOf(read(blockSize), { inputs })).toBe('E_KERNEL_SHAPE');
});
