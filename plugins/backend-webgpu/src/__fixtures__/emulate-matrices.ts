/** Invocations of a subgroup as {@link emulateMatrices} has them. */
export const EMULATED_SUBGROUP = 32;

/**
 * Makes a device without subgroup matrices run shaders that use them, of any size. An operand is then its place in its tile, and a result
 * is its number, whose elements the invocations of a subgroup hold in turn. Returns what puts the device back.
 */
export function emulateMatrices(device: GPUDevice): () => void {
  const create = device.createShaderModule;
  device.createShaderModule = (descriptor) => create.call(device, { ...descriptor, code: emulated(descriptor.code) });
  return () => {
    device.createShaderModule = create;
  };
}

function emulated(code: string): string {
  const [, k, m] = /subgroup_matrix_left<f16, (\d+), (\d+)>/.exec(code)?.map(Number) ?? [];
  const [, n] = /subgroup_matrix_right<f16, (\d+), \d+>/.exec(code)?.map(Number) ?? [];
  if (k === undefined || m === undefined || n === undefined) return code;
  const elements = (m * n) / EMULATED_SUBGROUP;
  const eachElement = (line: string): string => `
    for (var own = 0u; own < ${elements}u; own = own + 1u) {
      let place = own * ${EMULATED_SUBGROUP}u + localIndex % ${EMULATED_SUBGROUP}u;
      let row = place / ${n}u;
      let column = place % ${n}u;
      ${line}
    }`;
  return `${code
    .replace(/^.*(enable subgroups|enable chromium_experimental_subgroup_matrix|subgroup_matrix_uniformity).*$/gm, '')
    .replace('subgroupBroadcastFirst(li)', 'li')
    .replace('subgroupAdd(1u)', `${EMULATED_SUBGROUP}u`)
    .replace(/var sum(\d+) : subgroup_matrix_result<f32, \d+, \d+>;/g, 'var sum$1 = $1u;')
    .replace(/subgroupMatrixLoad<subgroup_matrix_\w+<[^>]*>, (row|col)_major>\(&\w+, /g, '$1Major(')
    .replace(/subgroupMatrixStore<row_major>\(&results, /g, 'stored(')
    .replace(/subgroupMatrixMultiplyAccumulate/g, 'added')}
  var<private> emulated : array<f32, 16>;
  // The place of an operand, and how far it is to the next row and to the next column.
  fn rowMajor(place : u32, pitch : u32) -> vec3<u32> { return vec3<u32>(place, pitch, 1u); }
  fn colMajor(place : u32, pitch : u32) -> vec3<u32> { return vec3<u32>(place, 1u, pitch); }
  fn added(a : vec3<u32>, b : vec3<u32>, sum : u32) -> u32 {
    ${eachElement(`
      for (var at = 0u; at < ${k}u; at = at + 1u) {
        let product = f32(leftTile[a.x + row * a.y + at * a.z]) * f32(rightTile[b.x + at * b.y + column * b.z]);
        emulated[sum * ${elements}u + own] = emulated[sum * ${elements}u + own] + product;
      }`)}
    return sum;
  }
  fn stored(offset : u32, sum : u32, pitch : u32) {
    ${eachElement(`results[offset + row * pitch + column] = emulated[sum * ${elements}u + own];`)}
  }`;
}
