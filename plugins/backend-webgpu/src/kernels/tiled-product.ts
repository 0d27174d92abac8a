/** What {@link tiledProduct} multiplies, in WGSL. */
export interface TiledProduct {
  /** Declares `left(row, inner)` and `right(inner, column)`, both f32, called with indices in range, and `store(row, column, sum)`. */
  readonly functions: string;
  /** Which neighbours of the right operand lie next to each other in memory. */
  readonly rightContiguous: 'inner' | 'column';
  /** Runs before the first load, by every invocation. */
  readonly prologue?: string;
  /**
   * Keeps the tiles in f16, which halves what is read from workgroup memory: operands are rounded, by a driver's choice to either
   * neighbour, and products, which f32 holds exactly, and sums are f32. {@link functions} then also declares `leftScale(row)`, f32, by
   * which the row is multiplied first. Needs the feature `shader-f16` and {@link hoistEnables}.
   */
  readonly half?: boolean;
}

/** Rows and columns of the result that a workgroup computes. */
export const TILE = 64;
const DEPTH = 16;
/** Invocations of a workgroup, 16 by 16, each with 4 by 4 sums. */
export const TILE_GROUP = 256;
/** One more than the tile needs, so that invocations that write below each other meet different banks of memory. */
const PITCH = TILE / 4 + 1;

/** WGSL of `leftOrZero` and `rightOrZero`: the operands with zeros around them. */
export const guardedOperands = `
  fn leftOrZero(row : i32, at : i32) -> f32 {
    if (row < uniforms.rows && at < uniforms.inner) { return left(row, at); }
    return 0.0;
  }
  fn rightOrZero(at : i32, column : i32) -> f32 {
    if (column < uniforms.columns && at < uniforms.inner) { return right(at, column); }
    return 0.0;
  }`;

/**
 * WGSL of a matrix product with uniforms `rows`, `columns` and `inner`: tiles of 64 by 64 by way of workgroup memory, 16 sums per
 * invocation in registers, of f32. To be dispatched over `[columns / 64, rows / 64]` workgroups of {@link TILE_GROUP}.
 */
export function tiledProduct({ functions, rightContiguous, prologue = '', half = false }: TiledProduct): string {
  const rightPlace = rightContiguous === 'inner' ? ['li % 16', 'li / 16'] : ['li / 16', 'li % 16'];
  const four = half ? 'vec4<f16>' : 'vec4<f32>';
  return `${half ? '\n  enable f16;' : ''}
  var<workgroup> leftTile : array<${four}, ${DEPTH * PITCH}>;
  var<workgroup> rightTile : array<${four}, ${DEPTH * PITCH}>;
  ${functions}
  ${guardedOperands}
  fn storeRow(row : i32, column : i32, sums : vec4<f32>) {
    if (row < uniforms.rows) {
      if (column < uniforms.columns) { store(row, column, sums.x); }
      if (column + 1 < uniforms.columns) { store(row, column + 1, sums.y); }
      if (column + 2 < uniforms.columns) { store(row, column + 2, sums.z); }
      if (column + 3 < uniforms.columns) { store(row, column + 3, sums.w); }
    }
  }
  fn main() {
    let li = i32(localIndex);
    let row0 = i32(workgroupId.y) * ${TILE};
    let column0 = i32(workgroupId.x) * ${TILE};
    let leftDepth = li % 16;
    let leftQuad = li / 16;
    let rightDepth = ${rightPlace[0]};
    let rightQuad = ${rightPlace[1]};
    let tx = li % 16;
    let ty = li / 16;
    var sum0 = vec4<f32>(0.0);
    var sum1 = vec4<f32>(0.0);
    var sum2 = vec4<f32>(0.0);
    var sum3 = vec4<f32>(0.0);
    ${prologue}
    let lr = row0 + leftQuad * 4;
    let rc = column0 + rightQuad * 4;
    ${half ? 'let scales = vec4<f32>(leftScale(lr), leftScale(lr + 1), leftScale(lr + 2), leftScale(lr + 3));' : ''}
    for (var start = 0; start < uniforms.inner; start = start + ${DEPTH}) {
      let ld = start + leftDepth;
      leftTile[leftDepth * ${PITCH} + leftQuad] =
        ${four}(vec4<f32>(leftOrZero(lr, ld), leftOrZero(lr + 1, ld), leftOrZero(lr + 2, ld), leftOrZero(lr + 3, ld))${half ? ' * scales' : ''});
      let rd = start + rightDepth;
      rightTile[rightDepth * ${PITCH} + rightQuad] =
        ${four}(vec4<f32>(rightOrZero(rd, rc), rightOrZero(rd, rc + 1), rightOrZero(rd, rc + 2), rightOrZero(rd, rc + 3)));
      workgroupBarrier();
      for (var depth = 0; depth < ${DEPTH}; depth = depth + 1) {
        let a = vec4<f32>(leftTile[depth * ${PITCH} + ty]);
        let b = vec4<f32>(rightTile[depth * ${PITCH} + tx]);
        sum0 = sum0 + a.x * b;
        sum1 = sum1 + a.y * b;
        sum2 = sum2 + a.z * b;
        sum3 = sum3 + a.w * b;
      }
      workgroupBarrier();
    }
    let row = row0 + ty * 4;
    let column = column0 + tx * 4;
    storeRow(row, column, sum0);
    storeRow(row + 1, column, sum1);
    storeRow(row + 2, column, sum2);
    storeRow(row + 3, column, sum3);
  }`;
}
