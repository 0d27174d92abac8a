import { util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, moduleOf } from '../wasm-engine.js';
import { input, output, outputs, requireShape, sizeOf, withHeap } from './define-kernel.js';
import type { WasmCall, WasmKernel } from './define-kernel.js';

/**
 * NlaAttention: `softmax(scale q kᵀ) v` over the keys that window, offset and valid `[batch, key]` leave, from q `[batch, query, head,
 * headDim]` and k and v `[batch, key, kvHead, headDim]`.
 */
export const attention: WasmKernel = {
  name: 'NlaAttention',
  run: (call) => {
    const { engine } = call;
    const { q } = operands(call, 'NlaAttention');
    const out = output(engine, q.shape);
    compute(call, 'NlaAttention', { out: out.address });
    return out.tensor;
  },
};

/** NlaAttentionGrad: the gradients `[dq, dk, dv]` of NlaAttention from dy, of the shape of q. */
export const attentionGrad: WasmKernel = {
  name: 'NlaAttentionGrad',
  run: (call) => {
    const { engine } = call;
    const { q, k, v } = operands(call, 'NlaAttentionGrad');
    const dy = input(call, 'NlaAttentionGrad', 'dy');
    requireShape(util.arraysEqual(q.shape, dy.shape), 'NlaAttentionGrad', { q: q.shape, dy: dy.shape }, 'dy of the shape of q');
    const { tensors, addresses } = outputs(engine, [q.shape, k.shape, v.shape]);
    const [dq = 0, dk = 0, dv = 0] = addresses;
    compute(call, 'NlaAttentionGrad', { dy: addressOf(engine, dy), dq, dk, dv });
    return tensors;
  },
};

/** Addresses besides those of q, k, v and valid. */
type Addresses = { readonly out: number } | { readonly dy: number; readonly dq: number; readonly dk: number; readonly dv: number };

function operands(call: WasmCall, kernel: string): Record<'q' | 'k' | 'v' | 'valid', TensorInfo> {
  const [q, k, v, valid] = [input(call, kernel, 'q'), input(call, kernel, 'k'), input(call, kernel, 'v'), input(call, kernel, 'valid')];
  const [batch = 0, , heads = 0, headDim = 0] = q.shape;
  const [, keys = 0, kvHeads = 0] = k.shape;
  requireShape(
    q.shape.length === 4 &&
      util.arraysEqual(k.shape, [batch, keys, kvHeads, headDim]) &&
      util.arraysEqual(v.shape, k.shape) &&
      util.arraysEqual(valid.shape, [batch, keys]) &&
      heads % Math.max(kvHeads, 1) === 0,
    kernel,
    { q: q.shape, k: k.shape, v: v.shape, valid: valid.shape },
    'q [batch, query, head, headDim], k and v [batch, key, kvHead, headDim], valid [batch, key], head a multiple of kvHead',
  );
  return { q, k, v, valid };
}

/** Lays the operands out as `assembly/attention.ts` reads them, with room for scores behind them, and computes. */
function compute(call: WasmCall, kernel: string, addresses: Addresses): void {
  const { engine, attrs } = call;
  const { kernels, helpers, scratch } = engine;
  const { q, k, v, valid } = operands(call, kernel);
  const [batch = 0, queries = 0, heads = 0, headDim = 0] = q.shape;
  const [, keys = 0, kvHeads = 0] = k.shape;
  // Without keys or without width there is nothing to add up.
  if (sizeOf(q) === 0 || sizeOf(k) === 0) {
    const heap = moduleOf(engine.backend).HEAPU8;
    if ('out' in addresses) heap.fill(0, addresses.out, addresses.out + sizeOf(q) * 4);
    else
      for (const [to, like] of [
        [addresses.dq, q],
        [addresses.dk, k],
        [addresses.dv, v],
      ] as const)
        heap.fill(0, to, to + sizeOf(like) * 4);
    return;
  }
  const scoresBytes = kernels.attentionScoresBytes(keys) * (helpers === undefined ? 1 : workers);
  withHeap(engine, operandBytes + scoresBytes, (address) => {
    const at = (tensor: TensorInfo): number => addressOf(engine, tensor);
    const results = 'out' in addresses ? [addresses.out, 0, 0, 0, 0] : [0, addresses.dy, addresses.dq, addresses.dk, addresses.dv];
    const counts = [batch, queries, keys, heads, kvHeads, headDim, Number(attrs['window']), Number(attrs['offset'])];
    const { buffer } = moduleOf(engine.backend).HEAPU8;
    const words = new Int32Array(buffer, address, operandBytes / 4);
    words.set([at(q), at(k), at(v), at(valid), ...results, address + operandBytes, ...counts]);
    new Float32Array(buffer, address, operandBytes / 4)[scaleWord] = Number(attrs['scale']);
    if ('out' in addresses) {
      if (helpers === undefined) kernels.attention(address, scratch);
      else kernels.sharedAttention(helpers.control, address, scratch);
    } else if (helpers === undefined) kernels.attentionGrad(address, scratch);
    else kernels.sharedAttentionGrad(helpers.control, address, scratch);
  });
}

/** Room for the operands, and which of its words is the scale. */
const operandBytes = 128;
const scaleWord = 18;
/** Most parts of one call that helping threads have in hand at the same time. */
const workers = 8;
