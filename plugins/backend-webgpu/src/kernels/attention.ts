import { util } from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { attentionGradOperands, attentionOperands, type AttentionOperands } from '@nlakit/ops/operands';
import { gradientsOfFew } from './attention-few-grad.js';
import { attentionOfFew, FEW_QUERIES_GROUP } from './attention-few.js';
import { attentionStream, foursAcross, operandsOf, STREAM_GROUP, STREAM_ROWS, STREAM_WIDTH } from './attention-stream.js';
import type { AttentionPass } from './attention-stream.js';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { runProgram } from './run-program.js';

/** Up to that many queries, as in generation, most of a tile of queries would be empty. */
const FEW_QUERIES = 8;

/**
 * NlaAttention: `softmax(scale q kᵀ) v` over the keys that window, offset and valid `[batch, key]` leave, from q `[batch, query, head,
 * headDim]` and k and v `[batch, key, kvHead, headDim]`. No scores are kept.
 */
export const attention: WebgpuKernel = {
  name: 'NlaAttention',
  run: (call) => {
    const problem = problemOf(call, attentionOperands(call));
    const { tensors, sizes, isEmpty } = problem;
    if (isEmpty) return zeros(call, tensors.q.shape);
    if (sizes.queries > FEW_QUERIES) return pass(call, 'values', problem, tensors.q.shape);
    return runProgram(call.backend, {
      key: `NlaAttention few ${Math.ceil(sizes.headDim / FEW_QUERIES_GROUP)}`,
      inputs: { ...tensors },
      integers: problem.integers,
      floats: problem.floats,
      outputShape: tensors.q.shape,
      groupSize: FEW_QUERIES_GROUP,
      groups: [sizes.batch * sizes.queries * sizes.heads],
      code: attentionOfFew(sizes.headDim),
    });
  },
};

/** NlaAttentionGrad: the gradients `[dq, dk, dv]` of NlaAttention from dy, of the shape of q. */
export const attentionGrad: WebgpuKernel = {
  name: 'NlaAttentionGrad',
  run: (call) => {
    const operands = attentionGradOperands(call);
    const problem = problemOf(call, operands);
    const { tensors, sizes, isEmpty } = problem;
    const { dy } = operands;
    const { q, k } = tensors;
    if (isEmpty) return [q, k, k].map(({ shape }) => zeros(call, shape));
    const { batch, queries, keys, heads, headDim } = sizes;
    if (queries <= FEW_QUERIES) return gradientsOfFew(call, problem, dy);
    const statistics = pass(call, 'statistics', problem, [batch, queries, heads, 3], { dy });
    const dq = pass(call, 'queries', problem, q.shape, { dy, statistics });
    const ofKeys = (which: AttentionPass): TensorInfo =>
      sumOverHeads(call, pass(call, which, problem, [batch, keys, heads, headDim], { dy, statistics }), k.shape);
    const [dk, dv] = [ofKeys('keys'), ofKeys('values of keys')];
    call.backend.disposeData(statistics.dataId);
    return [dq, dk, dv];
  },
};

/** The operands, and what the shaders are told of them. */
function problemOf({ attrs }: WebgpuCall, operands: AttentionOperands) {
  return {
    ...operands,
    integers: { ...operands.sizes, window: Number(attrs['window']), offset: Number(attrs['offset']) },
    floats: { scale: Number(attrs['scale']) },
  };
}

function pass(
  call: WebgpuCall,
  name: AttentionPass,
  { tensors, sizes: { batch, queries, keys, heads, headDim }, integers, floats }: ReturnType<typeof problemOf>,
  outputShape: readonly number[],
  others: Readonly<Record<string, TensorInfo>> = {},
): TensorInfo {
  const all: Readonly<Record<string, TensorInfo>> = { ...tensors, ...others };
  const rows = name === 'keys' || name === 'values of keys' ? keys : queries;
  const slices = name === 'statistics' ? 1 : Math.ceil(headDim / STREAM_WIDTH);
  const groups = Math.ceil(rows / STREAM_ROWS) * batch * heads * slices;
  const byFours = headDim % 4 === 0;
  const across = foursAcross(headDim);
  return runProgram(call.backend, {
    key: `NlaAttention ${name} ${across} ${byFours}`,
    inputs: Object.fromEntries(operandsOf[name].map((operand) => [operand, all[operand] as TensorInfo])),
    vectors: byFours ? ['q', 'k', 'v', 'dy'] : [],
    integers: { ...integers, fours: Math.ceil(headDim / 4), groups },
    floats,
    outputShape,
    groupSize: STREAM_GROUP,
    groups: [groups],
    code: attentionStream(name, across, byFours),
  });
}

/** From a gradient per head to one per kv head; frees the former. */
function sumOverHeads(call: WebgpuCall, perHead: TensorInfo, shape: number[]): TensorInfo {
  const [, , heads = 1, headDim = 1] = perHead.shape;
  const group = heads / (shape[2] ?? 1);
  if (group === 1) return perHead;
  const sum = runProgram(call.backend, {
    key: 'NlaAttention sum over heads',
    inputs: { perHead },
    integers: { group, headDim },
    outputShape: shape,
    code: `
    fn main(index : i32) {
      if (index < uniforms.size) {
        let first = index / uniforms.headDim * uniforms.group * uniforms.headDim + index % uniforms.headDim;
        var sum = 0.0;
        for (var head = 0; head < uniforms.group; head = head + 1) { sum = sum + perHead[first + head * uniforms.headDim]; }
        result[index] = sum;
      }
    }`,
  });
  call.backend.disposeData(perHead.dataId);
  return sum;
}

/** Without keys, or without width, there is nothing to add up. */
function zeros({ backend }: WebgpuCall, shape: number[]): TensorInfo {
  return backend.makeTensorInfo(shape, 'float32', new Float32Array(util.sizeFromShape(shape)));
}
