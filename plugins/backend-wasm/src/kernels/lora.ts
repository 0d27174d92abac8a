import { loraGradOperands, loraOperands, type LoraGradOperands, type LoraOperands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { outputs, withHeap } from './define-kernel.js';
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
    const operands = loraOperands(call);
    const { rows, inn, rank, out } = operands.sizes;
    const { x, a, b } = matrices(call, operands);
    const { tensors, addresses } = outputs(engine, [
      [rows, out],
      [rows, rank],
    ]);
    const [result, low] = [matrix(addresses[0], out), matrix(addresses[1], rank)];
    multiply(engine, x, transpose(a), low, { m: rows, n: rank, k: inn });
    engine.kernels.copyRows(addressOf(engine, operands.base), out * 4, result.address, out * 4, out * 4, rows);
    multiply(engine, low, transpose(b), result, { m: rows, n: out, k: rank, alpha: Number(attrs['scale']), accumulate: true });
    return tensors;
  },
};

/** NlaLoraGrad: the gradients `[dx, da, db]` of NlaLora from dy `[rows, out]`, without what goes through base. */
export const loraGrad: WasmKernel = {
  name: 'NlaLoraGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const operands = loraGradOperands(call);
    const { rows, inn, rank, out } = operands.sizes;
    const { x, a, b } = matrices(call, operands);
    const scale = Number(attrs['scale']);
    const [slope, narrow] = [matrix(addressOf(engine, operands.dy), out), matrix(addressOf(engine, operands.low), rank)];
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

function matrices({ engine }: WasmCall, { x, a, b, sizes: { inn, rank } }: LoraOperands | LoraGradOperands) {
  return { x: matrix(addressOf(engine, x), inn), a: matrix(addressOf(engine, a), inn), b: matrix(addressOf(engine, b), rank) };
}

function matrix(address: number | undefined, row: number): Matrix {
  return { address: address ?? 0, row };
}

function transpose(of: Matrix): Matrix {
  return { ...of, transposed: true };
}
