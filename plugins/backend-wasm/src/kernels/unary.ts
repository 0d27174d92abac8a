import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/** Exp, about 1 ulp. The stock kernel calls a scalar libm. */
export const exp: WasmKernel = { name: 'Exp', run: (call) => unary(call, 'exp') };

/** Tanh, about 2 ulp. The stock kernel calls a scalar libm. */
export const tanh: WasmKernel = { name: 'Tanh', run: (call) => unary(call, 'tanh') };

function unary(call: WasmCall, which: 'exp' | 'tanh'): TensorInfo | TensorInfo[] {
  const { engine, inputs } = call;
  const { x } = inputs;
  if (x?.dtype !== 'float32') return call.stock();
  const out = output(engine, x.shape);
  engine.kernels[which](addressOf(engine, x), out.address, sizeOf(x));
  return out.tensor;
}
