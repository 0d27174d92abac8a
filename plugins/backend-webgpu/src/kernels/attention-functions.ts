/** Where operands lie and which keys a query sees; for a workgroup of the head that `place` names. */
export const attentionFunctions = `
var<private> batchIndex : i32;
var<private> headIndex : i32;
fn place(batch : i32, head : i32) { batchIndex = batch; headIndex = head; }
fn queryRow(query : i32) -> i32 { return (batchIndex * uniforms.queries + query) * uniforms.heads + headIndex; }
fn queryStart(query : i32) -> i32 { return queryRow(query) * uniforms.headDim; }
fn keyStart(key : i32) -> i32 {
  return ((batchIndex * uniforms.keys + key) * uniforms.kvHeads + headIndex * uniforms.kvHeads / uniforms.heads) * uniforms.headDim;
}
fn seen(query : i32, key : i32) -> bool {
  let own = query + uniforms.offset;
  // Of no branches: && would be one.
  let old = (uniforms.window > 0) & (key <= own - uniforms.window);
  let within = (query < uniforms.queries) & (key < uniforms.keys) & (key <= own);
  return within & !old & (valid[batchIndex * uniforms.keys + min(key, uniforms.keys - 1)] > 0.5);
}
/** From the first key that one of these queries sees to the one behind the last. */
fn keysOf(first : i32, last : i32) -> vec2<i32> {
  let oldest = first + uniforms.offset - uniforms.window + 1;
  return vec2<i32>(select(0, max(0, oldest), uniforms.window > 0), min(uniforms.keys, last + uniforms.offset + 1));
}
/** From the first query that sees one of these keys to the one behind the last. */
fn queriesOf(first : i32, last : i32) -> vec2<i32> {
  let youngest = last - uniforms.offset + uniforms.window;
  return vec2<i32>(max(0, first - uniforms.offset), select(uniforms.queries, min(uniforms.queries, youngest), uniforms.window > 0));
}`;
