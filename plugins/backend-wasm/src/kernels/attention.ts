import type { TensorInfo } from '@tensorflow/tfjs-core';
import { attentionGradOperands, attentionOperands, sizeOf, type AttentionOperands } from '@nlakit/ops/operands';
import { addressOf, moduleOf } from '../wasm-engine.js';
import type { WasmEngine } from '../wasm-engine.js';
import { outputs, withHeap } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * NlaAttention: `softmax(scale q kᵀ) v` over the keys that window, offset and valid `[batch, key]` leave, from q `[batch, query, head,
 * headDim]` and k and v `[batch, key, kvHead, headDim]`.
 */
export const attention: WasmKernel = {
  name: 'NlaAttention',
  run: (call) => compute(call, attentionOperands(call)),
};

/** NlaAttentionGrad: the gradients `[dq, dk, dv]` of NlaAttention from dy, of the shape of q. */
export const attentionGrad: WasmKernel = {
  name: 'NlaAttentionGrad',
  run: (call) => {
    const operands = attentionGradOperands(call);
    return compute(call, operands, operands.dy);
  },
};

/** Room for the operands, and which of its words is the scale. */
const operandBytes = 128;
const scaleWord = 18;
/** Most parts of one call that threads have in hand at the same time. */
const workers = 8;

/** The result or, given dy, the gradients. Lays the operands out as `assembly/attention.ts` reads them, with room for scores behind them. */
function compute({ engine, attrs }: WasmCall, { tensors, sizes, isEmpty }: AttentionOperands, dy?: TensorInfo): TensorInfo[] {
  const { kernels, helpers, scratch } = engine;
  const { q, k, v, valid } = tensors;
  const { batch, queries, keys, heads, kvHeads, headDim } = sizes;
  const shapes = dy === undefined ? [q.shape] : [q.shape, k.shape, v.shape];
  if (isEmpty) return zeros(engine, shapes);
  const scoresBytes = kernels.attentionScoresBytes(keys) * (helpers === undefined ? 1 : workers);
  return withHeap(engine, operandBytes + scoresBytes, (address) => {
    const { tensors: made, addresses } = outputs(engine, shapes);
    const results = dy === undefined ? [...addresses, 0, 0, 0, 0] : [0, addressOf(engine, dy), ...addresses];
    const counts = [batch, queries, keys, heads, kvHeads, headDim, Number(attrs['window']), Number(attrs['offset'])];
    const { buffer } = moduleOf(engine.backend).HEAPU8;
    const words = new Int32Array(buffer, address, operandBytes / 4);
    words.set([...[q, k, v, valid].map((tensor) => addressOf(engine, tensor)), ...results, address + operandBytes, ...counts]);
    new Float32Array(buffer, address, operandBytes / 4)[scaleWord] = Number(attrs['scale']);
    if (dy === undefined) {
      if (helpers === undefined) kernels.attention(address, scratch);
      else kernels.sharedAttention(helpers.control, address, scratch);
    } else {
      if (helpers === undefined) kernels.attentionGrad(address, scratch);
      else kernels.sharedAttentionGrad(helpers.control, address, scratch);
    }
    return made;
  });
}

/** Without keys, or without width, there is nothing to add up. */
function zeros(engine: WasmEngine, shapes: readonly (readonly number[])[]): TensorInfo[] {
  const { tensors, addresses } = outputs(engine, shapes);
  const heap = moduleOf(engine.backend).HEAPU8;
  tensors.forEach((tensor, index) => {
    const address = addresses[index] ?? 0;
    heap.fill(0, address, address + sizeOf(tensor) * 4);
  });
  return tensors;
}
