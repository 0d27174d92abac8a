/** Number as a WGSL literal of f32. */
export function f32(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** `nlaExp` of a number, or `nlaExp4` of four: without branches, which drivers that mask them pay for. */
function exponentialFunction(name: 'nlaExp' | 'nlaExp4'): string {
  const [isFour, float, int, bits] = name === 'nlaExp' ? [false, 'f32', 'i32', 'u32'] : [true, 'vec4<f32>', 'vec4<i32>', 'vec4<u32>'];
  return `
fn ${name}(x : ${float}) -> ${float} {
  let c = clamp(x, ${float}(-110.0), ${float}(90.0));
  let n = round(c * 1.44269504);
  // ln 2 in two parts, the first of which leaves no rounding error. Compilers may put the parts together again, which a bit that they
  // cannot know to be 0 prevents.
  let exact = bitcast<${bits}>(fma(n, ${float}(-0.693359375), c)) | ${bits}(select(0u, 1u, uniforms.size < 0));
  let r = fma(n, ${float}(2.12194440e-4), bitcast<${float}>(exact));
  var p = ${float}(1.9875691500e-4);
  p = fma(p, r, ${float}(1.3981999507e-3));
  p = fma(p, r, ${float}(8.3334519073e-3));
  p = fma(p, r, ${float}(4.1665795894e-2));
  p = fma(p, r, ${float}(1.6666665459e-1));
  p = fma(p, r, ${float}(5.0000001201e-1));
  let y = fma(p, r * r, r) + 1.0;
  // 2^n in two factors: n itself may be beyond the exponents of f32.
  let whole = ${int}(n);
  let half = whole >> ${bits}(1u);
  let value = y * bitcast<${float}>((half + 127) << ${bits}(23u)) * bitcast<${float}>((whole - half + 127) << ${bits}(23u));
  return select(select(value, ${float}(uniforms.INFINITY), x > ${float}(88.722839)), x, ${isFour ? 'isnanVec4' : 'isnan'}(x));
}
`;
}

/** `nlaExp4`, {@link mathFunctions}' `nlaExp` of four numbers. */
export const vectorExponential = exponentialFunction('nlaExp4');

/**
 * `nlaExp` and `nlaTanh`, within 2 units in the last place (method and coefficients of Cephes' expf and tanhf, S. L. Moshier). WGSL leaves
 * its own exp 3 + 2|x| units and tanh an absolute error, and drivers make use of it.
 */
export const mathFunctions = `${exponentialFunction('nlaExp')}
fn nlaTanh(x : f32) -> f32 {
  if (isnan(x)) { return x; }
  let a = abs(x);
  if (a < 0.625) {
    let z = x * x;
    var p = -5.70498872745e-3;
    p = fma(p, z, 2.06390887954e-2);
    p = fma(p, z, -5.37397155531e-2);
    p = fma(p, z, 1.33314422036e-1);
    p = fma(p, z, -3.33332819422e-1);
    return fma(p * z, x, x);
  }
  let t = 1.0 - 2.0 / (nlaExp(2.0 * min(a, 10.0)) + 1.0);
  return select(t, -t, x < 0.0);
}
`;

/** `softcapped(x, softcap)`: `softcap * tanh(x / softcap)`, or x for a softcap of 0. Needs {@link mathFunctions}. */
export const softcapFunction = `
fn softcapped(x : f32, softcap : f32) -> f32 {
  if (softcap == 0.0) { return x; }
  return softcap * nlaTanh(x / softcap);
}
`;

/** `sumOfGroup` and `maxOfGroup` over the invocations of a workgroup; to be called by all of them. */
export function groupReductions(groupSize: number): string {
  const reduction = (name: string, combine: string): string => `
fn ${name}(value : f32) -> f32 {
  let lane = i32(localIndex);
  partial[lane] = value;
  workgroupBarrier();
  for (var stride = ${groupSize / 2}; stride > 0; stride = stride / 2) {
    if (lane < stride) { ${combine} }
    workgroupBarrier();
  }
  let all = partial[0];
  workgroupBarrier();
  return all;
}`;
  return `
var<workgroup> partial : array<f32, ${groupSize}>;
${reduction('sumOfGroup', 'partial[lane] = partial[lane] + partial[lane + stride];')}
${reduction('maxOfGroup', 'partial[lane] = max(partial[lane], partial[lane + stride]);')}
`;
}

/** Invocations that share a row of that width. */
export function groupSizeFor(width: number): number {
  return width <= 256 ? 64 : 256;
}
