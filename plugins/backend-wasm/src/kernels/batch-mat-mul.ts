import { broadcast_util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { requireShape, sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';
import { multiply } from './multiply.js';

/**
 * BatchMatMul: a [..., M, K] times b [..., K, N], either stored transposed, the batch dimensions broadcast against each other. Replaces
 * the stock kernel, which is fast for one untransposed matrix only and keeps a packed copy of every right operand.
 */
export const batchMatMul: WasmKernel = { name: 'BatchMatMul', run };

function run(call: WasmCall): TensorInfo | TensorInfo[] {
  const { engine, inputs, attrs } = call;
  const { a, b } = inputs;
  if (a?.dtype !== 'float32' || b?.dtype !== 'float32') return call.stock();
  const transposeA = attrs['transposeA'] === true;
  const transposeB = attrs['transposeB'] === true;
  const [rowsA = 0, columnsA = 0] = a.shape.slice(-2);
  const [rowsB = 0, columnsB = 0] = b.shape.slice(-2);
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [n, inner] = transposeB ? [rowsB, columnsB] : [columnsB, rowsB];
  requireShape(
    k === inner && a.shape.length >= 2 && b.shape.length >= 2,
    'matMul',
    { a: a.shape, b: b.shape },
    `equal inner dimensions with transposeA=${transposeA} and transposeB=${transposeB}`,
  );
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const out = output(engine, [...batch, m, n]);
  const size = sizeOf(out.tensor);
  if (size === 0) return out.tensor;
  const startA = addressOf(engine, a);
  const startB = addressOf(engine, b);
  const count = size / (m * n);
  const product = (left: number, right: number, to: number, rows: number): void =>
    multiply(
      engine,
      { address: left, row: columnsA, transposed: transposeA },
      { address: right, row: columnsB, transposed: transposeB },
      { address: to, row: n },
      { m: rows, n, k },
    );
  const aOf = batchOffsets(batch, batchA, count);
  const bOf = batchOffsets(batch, batchB, count);
  if (!transposeA && isWhole(aOf) && bOf.every((value) => value === 0)) {
    // One right operand for all: a batch of left operands is one long matrix.
    product(startA, startB, out.address, m * count);
    return out.tensor;
  }
  for (let index = 0; index < count; index++) {
    const left = startA + (aOf[index] ?? 0) * m * k * 4;
    const right = startB + (bOf[index] ?? 0) * k * n * 4;
    product(left, right, out.address + index * m * n * 4, m);
  }
  return out.tensor;
}

/** For each matrix of the output, the number of the operand's matrix that belongs to it. */
function batchOffsets(batch: readonly number[], own: readonly number[], count: number): number[] {
  const strides = new Array<number>(batch.length).fill(0);
  let stride = 1;
  for (let back = 1; back <= own.length; back++) {
    const dimension = own[own.length - back] ?? 1;
    if (dimension > 1) strides[batch.length - back] = stride;
    stride *= dimension;
  }
  return Array.from({ length: count }, (_, index) => {
    let rest = index;
    let offset = 0;
    for (let axis = batch.length - 1; axis >= 0; axis--) {
      const dimension = batch[axis] ?? 1;
      offset += (rest % dimension) * (strides[axis] ?? 0);
      rest = Math.floor(rest / dimension);
    }
    return offset;
  });
}

function isWhole(offsets: readonly number[]): boolean {
  return offsets.every((value, index) => value === index);
}
