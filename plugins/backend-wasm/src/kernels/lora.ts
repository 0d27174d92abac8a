import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, moduleOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';
import { input, output, requireShape } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';
import { multiply } from './multiply.js';

/** NlaLoraUp: `base + scale * low bᵀ`, with base `[rows, out]`, low `[rows, rank]` and b `[out, rank]`. */
export const loraUp: WasmKernel = {
  name: 'NlaLoraUp',
  run: (call) => {
    const { engine, attrs } = call;
    const base = input(call, 'NlaLoraUp', 'base');
    const { low, b, rows, rank, width } = operands(call, 'NlaLoraUp', base, 'base');
    const out = output(engine, [rows, width]);
    product(engine, { a: low, b, transposeA: false, transposeB: true, out: out.address, m: rows, n: width, k: rank });
    engine.kernels.scaleOnto(addressOf(engine, base), Number(attrs['scale']), out.address, rows * width);
    return out.tensor;
  },
};

/** NlaLoraUpGrad: the gradients `[dlow, db]` of NlaLoraUp from dy `[rows, out]`: `scale * dy b` and `scale * dyᵀ low`. */
export const loraUpGrad: WasmKernel = {
  name: 'NlaLoraUpGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const dy = input(call, 'NlaLoraUpGrad', 'dy');
    const { low, b, rows, rank, width } = operands(call, 'NlaLoraUpGrad', dy, 'dy');
    const scale = Number(attrs['scale']);
    const dlow = output(engine, [rows, rank]);
    let db;
    try {
      db = output(engine, [width, rank]);
    } catch (error) {
      // If the heap is full the first is freed, or it would be lost.
      engine.backend.disposeData(dlow.tensor.dataId);
      throw error;
    }
    product(engine, { a: dy, b, transposeA: false, transposeB: false, out: dlow.address, m: rows, n: rank, k: width });
    product(engine, { a: dy, b: low, transposeA: true, transposeB: false, out: db.address, m: width, n: rank, k: rows });
    engine.kernels.scale(dlow.address, scale, rows * rank);
    engine.kernels.scale(db.address, scale, width * rank);
    return [dlow.tensor, db.tensor];
  },
};

function operands(call: WasmCall, kernel: string, wide: TensorInfo, name: string) {
  const low = input(call, kernel, 'low');
  const b = input(call, kernel, 'b');
  const [rows = 0, width = 0] = wide.shape;
  const [, rank = 0] = low.shape;
  requireShape(
    wide.shape.length === 2 &&
      low.shape.length === 2 &&
      b.shape.length === 2 &&
      low.shape[0] === rows &&
      b.shape.join() === `${width},${rank}`,
    kernel,
    { [name]: wide.shape, low: low.shape, b: b.shape },
    `${name} [rows, out], low [rows, rank] and b [out, rank]`,
  );
  return { low, b, rows, rank, width };
}

interface Product {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function product(engine: WasmEngine, { a, b, transposeA, transposeB, out, m, n, k }: Product): void {
  if (m === 0 || n === 0) return;
  if (k === 0) {
    moduleOf(engine.backend).HEAPU8.fill(0, out, out + m * n * 4);
    return;
  }
  const [startA, startB] = [addressOf(engine, a), addressOf(engine, b)];
  multiply(engine, startA, a.shape[1] ?? 0, transposeA, startB, b.shape[1] ?? 0, transposeB, out, n, m, n, k);
}
