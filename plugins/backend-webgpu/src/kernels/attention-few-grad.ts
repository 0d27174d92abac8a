import type { TensorInfo } from '@tensorflow/tfjs-core';
import { attentionFunctions } from './attention-functions.js';
import type { WebgpuCall } from './define-kernel.js';
import { runProgram } from './run-program.js';
import { mathFunctions } from './wgsl.js';

/** Operands of attention and what its shaders are told of them, see attention. */
export interface FewQueriesProblem {
  readonly tensors: Readonly<Record<'q' | 'k' | 'v' | 'valid', TensorInfo>>;
  readonly integers: Readonly<Record<string, number>>;
  readonly floats: Readonly<Record<string, number>>;
  readonly sizes: Readonly<Record<'batch' | 'queries' | 'keys' | 'heads', number>>;
}

/**
 * The gradients `[dq, dk, dv]` of attention for few queries, whose probabilities are few too: they are kept, together with the slopes of
 * the scores, `[2, batch, query, head, key]`. An invocation per query and head, then one per element of a gradient.
 */
export function gradientsOfFew(call: WebgpuCall, problem: FewQueriesProblem, dy: TensorInfo): TensorInfo[] {
  const { tensors, integers, floats, sizes } = problem;
  const { q, k, v, valid } = tensors;
  const rows = sizes.batch * sizes.queries * sizes.heads;
  const shared = { integers: { ...integers, rows }, floats };
  const weights = runProgram(call.backend, {
    ...shared,
    key: 'NlaAttentionGrad few weights',
    inputs: { q, k, v, dy, valid },
    outputShape: [2, rows, sizes.keys],
    groups: [Math.ceil(rows / 64)],
    code: weightsOfFew,
  });
  const ofQueries = runProgram(call.backend, {
    ...shared,
    key: 'NlaAttentionGrad few queries',
    inputs: { k, weights },
    outputShape: q.shape,
    code: `
    fn main(index : i32) {
      if (index >= uniforms.size) { return; }
      let row = index / uniforms.headDim;
      let first = row / (uniforms.queries * uniforms.heads) * uniforms.keys;
      let kvHead = row % uniforms.heads * uniforms.kvHeads / uniforms.heads;
      var sum = 0.0;
      for (var key = 0; key < uniforms.keys; key = key + 1) {
        let place = ((first + key) * uniforms.kvHeads + kvHead) * uniforms.headDim + index % uniforms.headDim;
        sum = sum + weights[(uniforms.rows + row) * uniforms.keys + key] * k[place];
      }
      result[index] = sum;
    }`,
  });
  const ofKeys = (what: 'keys' | 'values', operand: TensorInfo): TensorInfo =>
    runProgram(call.backend, {
      ...shared,
      key: `NlaAttentionGrad few ${what}`,
      inputs: { operand, weights },
      outputShape: k.shape,
      code: `
      fn main(index : i32) {
        if (index >= uniforms.size) { return; }
        let element = index % uniforms.headDim;
        let group = uniforms.heads / uniforms.kvHeads;
        let head = index / uniforms.headDim % uniforms.kvHeads * group;
        let token = index / (uniforms.headDim * uniforms.kvHeads);
        let first = token / uniforms.keys * uniforms.queries;
        var sum = 0.0;
        for (var query = 0; query < uniforms.queries; query = query + 1) {
          for (var sharer = 0; sharer < group; sharer = sharer + 1) {
            let row = (first + query) * uniforms.heads + head + sharer;
            let weight = weights[(${what === 'keys' ? 'uniforms.rows + ' : ''}row) * uniforms.keys + token % uniforms.keys];
            sum = sum + weight * operand[row * uniforms.headDim + element];
          }
        }
        result[index] = sum;
      }`,
    });
  const gradients = [ofQueries, ofKeys('keys', q), ofKeys('values', dy)];
  call.backend.disposeData(weights.dataId);
  return gradients;
}

const weightsOfFew = `
${mathFunctions}
${attentionFunctions}
fn main(index : i32) {
  if (index >= uniforms.rows) { return; }
  place(index / (uniforms.queries * uniforms.heads), index % uniforms.heads);
  let query = index / uniforms.heads % uniforms.queries;
  let start = queryStart(query);
  let probabilities = index * uniforms.keys;
  let slopes = (uniforms.rows + index) * uniforms.keys;
  var highest = -3.0e38;
  for (var key = 0; key < uniforms.keys; key = key + 1) {
    var score = 0.0;
    var slope = 0.0;
    if (seen(query, key)) {
      let keyed = keyStart(key);
      for (var at = 0; at < uniforms.headDim; at = at + 1) {
        score = score + q[start + at] * k[keyed + at];
        slope = slope + dy[start + at] * v[keyed + at];
      }
      score = score * uniforms.scale;
      highest = max(highest, score);
    }
    result[probabilities + key] = score;
    result[slopes + key] = slope;
  }
  var total = 0.0;
  var along = 0.0;
  for (var key = 0; key < uniforms.keys; key = key + 1) {
    var exponential = 0.0;
    if (seen(query, key)) { exponential = nlaExp(result[probabilities + key] - highest); }
    result[probabilities + key] = exponential;
    total = total + exponential;
    along = along + exponential * result[slopes + key];
  }
  let share = select(1.0 / total, 0.0, total == 0.0);
  for (var key = 0; key < uniforms.keys; key = key + 1) {
    let probability = result[probabilities + key] * share;
    result[probabilities + key] = probability;
    result[slopes + key] = probability * (result[slopes + key] - along * share) * uniforms.scale;
  }
}`;
