import { loraOperands, loraPairGradOperands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { outputs } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';
import { multiply } from './multiply.js';
import type { Matrix } from './multiply.js';

/**
 * NlaLora: `[base + scale * low bᵀ, low]` with `low = x aᵀ`, from x `[rows, in]`, base `[rows, out]`, a `[rank, in]` and b `[out, rank]`.
 */
export const lora: WasmKernel = {
  name: 'NlaLora',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, base, a, b, sizes } = loraOperands(call);
    const { rows, inn, rank, out } = sizes;
    const { tensors, addresses } = outputs(engine, [
      [rows, out],
      [rows, rank],
    ]);
    const [result, low] = [matrix(addresses[0], out), matrix(addresses[1], rank)];
    multiply(engine, matrix(addressOf(engine, x), inn), transpose(matrix(addressOf(engine, a), inn)), low, { m: rows, n: rank, k: inn });
    engine.kernels.copyRows(addressOf(engine, base), out * 4, result.address, out * 4, out * 4, rows);
    const up = transpose(matrix(addressOf(engine, b), rank));
    multiply(engine, low, up, result, { m: rows, n: out, k: rank, alpha: Number(attrs['scale']), accumulate: true });
    return tensors;
  },
};

/** NlaLoraPairGrad: `[dLowᵀ x, scale * dyᵀ low, dLow]` with `dLow = scale * dy b`, from low `[rows, rank]` and dy `[rows, out]`. */
export const loraPairGrad: WasmKernel = {
  name: 'NlaLoraPairGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const { x, low, b, dy, sizes } = loraPairGradOperands(call);
    const { rows, inn, rank, out } = sizes;
    const scale = Number(attrs['scale']);
    const { tensors, addresses } = outputs(engine, [
      [rank, inn],
      [out, rank],
      [rows, rank],
    ]);
    const [slope, dLow] = [matrix(addressOf(engine, dy), out), matrix(addresses[2], rank)];
    multiply(engine, slope, matrix(addressOf(engine, b), rank), dLow, { m: rows, n: rank, k: out, alpha: scale });
    multiply(engine, transpose(dLow), matrix(addressOf(engine, x), inn), matrix(addresses[0], inn), { m: rank, n: inn, k: rows });
    const narrow = matrix(addressOf(engine, low), rank);
    multiply(engine, transpose(slope), narrow, matrix(addresses[1], rank), { m: out, n: rank, k: rows, alpha: scale });
    return tensors;
  },
};

function matrix(address: number | undefined, row: number): Matrix {
  return { address: address ?? 0, row };
}

function transpose(of: Matrix): Matrix {
  return { ...of, transposed: true };
}
