import { attentionFunctions } from './attention-functions.js';
import { groupReductions, mathFunctions } from './wgsl.js';

/** Invocations of a workgroup, and keys it looks at together. */
export const FEW_QUERIES_GROUP = 64;

/**
 * WGSL of attention for few queries, as in generation: one workgroup per query and head, an invocation per key for the scores and per
 * element of a head for the sum over the keys. A tile of 32 queries would be mostly empty.
 */
export function attentionOfFew(headDim: number): string {
  const shares = Array.from({ length: Math.ceil(headDim / FEW_QUERIES_GROUP) }, (_, index) => index);
  const each = (line: (index: number, element: string) => string): string =>
    shares.map((index) => line(index, `lane + ${index * FEW_QUERIES_GROUP}`)).join('\n    ');
  return `
  ${mathFunctions}
  ${groupReductions(FEW_QUERIES_GROUP)}
  ${attentionFunctions}
  var<workgroup> exponentials : array<f32, ${FEW_QUERIES_GROUP}>;
  var<workgroup> span : vec2<i32>;
  fn main(index : i32) {
    let lane = i32(localIndex);
    let rows = uniforms.batch * uniforms.queries * uniforms.heads;
    let row = min(index / ${FEW_QUERIES_GROUP}, rows - 1);
    place(row / (uniforms.queries * uniforms.heads), row % uniforms.heads);
    let query = (row / uniforms.heads) % uniforms.queries;
    if (lane == 0) { span = keysOf(query, query); }
    let keys = workgroupUniformLoad(&span);
    let start = queryStart(query);
    var highest = -3.0e38;
    var total = 0.0;
    ${each((index) => `var sum${index} = 0.0;`)}
    for (var block = keys.x; block < keys.y; block = block + ${FEW_QUERIES_GROUP}) {
      let key = block + lane;
      let shown = seen(query, key);
      var score = -3.0e38;
      if (shown) {
        let keyed = keyStart(key);
        score = 0.0;
        for (var at = 0; at < uniforms.headDim; at = at + 1) { score = score + q[start + at] * k[keyed + at]; }
        score = score * uniforms.scale;
      }
      let top = max(highest, maxOfGroup(score));
      let factor = nlaExp(highest - top);
      var exponential = 0.0;
      if (shown) { exponential = nlaExp(score - top); }
      exponentials[lane] = exponential;
      highest = top;
      total = total * factor + sumOfGroup(exponential);
      ${each((index) => `sum${index} = sum${index} * factor;`)}
      let count = min(${FEW_QUERIES_GROUP}, keys.y - block);
      for (var at = 0; at < count; at = at + 1) {
        let share = exponentials[at];
        let valued = keyStart(block + at);
        ${each((index, element) => `sum${index} = sum${index} + share * v[valued + min(${element}, uniforms.headDim - 1)];`)}
      }
      workgroupBarrier();
    }
    let inverse = select(1.0 / total, 0.0, total == 0.0);
    // There may be more workgroups than rows.
    if (index / ${FEW_QUERIES_GROUP} >= rows) { return; }
    ${each((index, element) => `if (${element} < uniforms.headDim) { result[start + ${element}] = sum${index} * inverse; }`)}
  }`;
}
