import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, outputs, requireShape, withHeap } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';
import { multiply } from './multiply.js';
import type { Matrix } from './multiply.js';

/**
 * NlaLora: `[base + scale * low bᵀ, low]` with `low = x aᵀ`, from x `[rows, in]`, base `[rows, out]`, a `[rank, in]` and b `[out, rank]`.
 */
export const lora: WasmKernel = {
  name: 'NlaLora',
  run: (call) => {
    const { engine, attrs } = call;
    const base = input(call, 'NlaLora', 'base');
    const { x, a, b, rows, inn, rank, out } = operands(call, 'NlaLora', { base });
    const { tensors, addresses } = outputs(engine, [
      [rows, out],
      [rows, rank],
    ]);
    const [result, low] = [matrix(addresses[0], out), matrix(addresses[1], rank)];
    multiply(engine, x, transpose(a), low, { m: rows, n: rank, k: inn });
    engine.kernels.copyRows(addressOf(engine, base), out * 4, result.address, out * 4, out * 4, rows);
    multiply(engine, low, transpose(b), result, { m: rows, n: out, k: rank, alpha: Number(attrs['scale']), accumulate: true });
    return tensors;
  },
};

/** NlaLoraGrad: the gradients `[dx, da, db]` of NlaLora from dy `[rows, out]`, without what goes through base. */
export const loraGrad: WasmKernel = {
  name: 'NlaLoraGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const dy = input(call, 'NlaLoraGrad', 'dy');
    const low = input(call, 'NlaLoraGrad', 'low');
    const { x, a, b, rows, inn, rank, out } = operands(call, 'NlaLoraGrad', { dy, low });
    const scale = Number(attrs['scale']);
    const [slope, narrow] = [matrix(addressOf(engine, dy), out), matrix(addressOf(engine, low), rank)];
    return withHeap(engine, rows * rank * 4, (address) => {
      const { tensors, addresses } = outputs(engine, [
        [rows, inn],
        [rank, inn],
        [out, rank],
      ]);
      const dLow = matrix(address, rank);
      multiply(engine, slope, b, dLow, { m: rows, n: rank, k: out, alpha: scale });
      multiply(engine, dLow, a, matrix(addresses[0], inn), { m: rows, n: inn, k: rank });
      multiply(engine, transpose(dLow), x, matrix(addresses[1], inn), { m: rank, n: inn, k: rows });
      multiply(engine, transpose(slope), narrow, matrix(addresses[2], rank), { m: out, n: rank, k: rows, alpha: scale });
      return tensors;
    });
  },
};

/** The operands that both kernels have, and the sizes. Throws `E_KERNEL_SHAPE` if they and those of `others` do not fit together. */
function operands(call: WasmCall, kernel: string, others: { base: TensorInfo } | { dy: TensorInfo; low: TensorInfo }) {
  const x = input(call, kernel, 'x');
  const a = input(call, kernel, 'a');
  const b = input(call, kernel, 'b');
  const [rows = 0, inn = 0] = x.shape;
  const [rank = 0] = a.shape;
  const [out = 0] = b.shape;
  const othersFit = 'base' in others ? is(others.base, rows, out) : is(others.dy, rows, out) && is(others.low, rows, rank);
  if (!othersFit || !is(x, rows, inn) || !is(a, rank, inn) || !is(b, out, rank)) {
    const shapes = Object.entries({ x, a, b, ...others }).map(([name, { shape }]) => [name, shape] as const);
    const expected = 'x [rows, in], a [rank, in], b [out, rank], base and dy [rows, out], low [rows, rank]';
    requireShape(false, kernel, Object.fromEntries(shapes), expected);
  }
  const { engine } = call;
  return {
    x: matrix(addressOf(engine, x), inn),
    a: matrix(addressOf(engine, a), inn),
    b: matrix(addressOf(engine, b), rank),
    rows,
    inn,
    rank,
    out,
  };
}

function is({ shape }: TensorInfo, rows: number, columns: number): boolean {
  return shape.length === 2 && shape[0] === rows && shape[1] === columns;
}

function matrix(address: number | undefined, row: number): Matrix {
  return { address: address ?? 0, row };
}

function transpose(of: Matrix): Matrix {
  return { ...of, transposed: true };
}
