import { MATRIX_DEPTH as DEPTH } from '../matrix-unit.js';
import type { MatrixUnit } from '../matrix-unit.js';
import { guardedOperands, TILE, TILE_GROUP } from './tiled-product.js';
import type { TiledProduct } from './tiled-product.js';

/** Elements from one row of a tile to the next: more than it has, so that rows meet different banks, and a multiple of 16 bytes. */
const LEFT_PITCH = DEPTH + 8;

/**
 * WGSL of {@link tiledProduct} with {@link TiledProduct.half}, dispatched like it, by subgroup matrices: each subgroup has some of the
 * results of `m` by `n` that make up a tile, neighbours in a row of them. Needs the features of a {@link MatrixUnit} and {@link hoistEnables}.
 */
export function matrixProduct({ functions, rightContiguous, prologue = '' }: TiledProduct, { m, n, k, subgroups }: MatrixUnit): string {
  const across = TILE / n;
  const each = (across * TILE) / m / subgroups;
  const results = Array.from({ length: each }, (_, index) => index);
  const lines = (line: (index: number) => string): string => results.map(line).join('\n');
  // The neighbours in memory of the right operand stay neighbours in its tile.
  const byColumn = rightContiguous === 'inner';
  const rightPitch = byColumn ? LEFT_PITCH : TILE + 8;
  const rightPlace = (depth: string, column: string): string =>
    byColumn ? `${column} * ${rightPitch} + ${depth}` : `${depth} * ${rightPitch} + ${column}`;
  const load = (side: 'left' | 'right', columns: number, rows: number, order: string, place: string, pitch: number): string =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${columns}, ${rows}>, ${order}>(&${side}Tile, u32(${place}), ${pitch}u)`;
  const leftOf = (index: number): string => load('left', k, m, 'row_major', `down${index} * ${LEFT_PITCH} + depth`, LEFT_PITCH);
  const rightOf = (index: number): string =>
    load('right', n, k, byColumn ? 'col_major' : 'row_major', rightPlace('depth', `right${index}`), rightPitch);
  return `
  enable f16;
  enable subgroups;
  enable chromium_experimental_subgroup_matrix;
  diagnostic(off, chromium.subgroup_matrix_uniformity);
  var<workgroup> leftTile : array<f16, ${TILE * LEFT_PITCH}>;
  var<workgroup> rightTile : array<f16, ${(byColumn ? TILE : DEPTH) * rightPitch}>;
  var<workgroup> results : array<f32, ${subgroups * m * n}>;
  var<workgroup> rowScales : array<f32, ${TILE}>;
  ${functions}
  ${guardedOperands}
  fn main() {
    let li = i32(localIndex);
    let row0 = i32(workgroupId.y) * ${TILE};
    let column0 = i32(workgroupId.x) * ${TILE};
    // A subgroup may be smaller than the largest; those beyond the count have nothing to multiply then.
    let subgroup = subgroupBroadcastFirst(li) / i32(subgroupAdd(1u));
    ${lines((index) => `var sum${index} : subgroup_matrix_result<f32, ${n}, ${m}>;`)}
    ${lines((index) => `let down${index} = (subgroup * ${each} + ${index}) / ${across} * ${m};`)}
    ${lines((index) => `let right${index} = (subgroup * ${each} + ${index}) % ${across} * ${n};`)}
    if (li < ${TILE}) { rowScales[li] = leftScale(row0 + li); }
    ${prologue}
    workgroupBarrier();
    for (var start = 0; start < uniforms.inner; start = start + ${DEPTH}) {
      for (var at = li; at < ${TILE * DEPTH}; at = at + ${TILE_GROUP}) {
        let row = at / ${DEPTH};
        let depth = at % ${DEPTH};
        leftTile[row * ${LEFT_PITCH} + depth] = f16(leftOrZero(row0 + row, start + depth) * rowScales[row]);
      }
      for (var at = li; at < ${TILE * DEPTH}; at = at + ${TILE_GROUP}) {
        let column = ${byColumn ? `at / ${DEPTH}` : `at % ${TILE}`};
        let depth = ${byColumn ? `at % ${DEPTH}` : `at / ${TILE}`};
        rightTile[${rightPlace('depth', 'column')}] = f16(rightOrZero(start + depth, column0 + column));
      }
      workgroupBarrier();
      if (subgroup < ${subgroups}) {
        for (var depth = 0; depth < ${DEPTH}; depth = depth + ${k}) {
          ${lines((index) => (index % across === 0 ? `let left${index / across} = ${leftOf(index)};` : ''))}
          ${lines(
            (index) => `sum${index} = subgroupMatrixMultiplyAccumulate(left${Math.floor(index / across)}, ${rightOf(index)}, sum${index});`,
          )}
        }
      }
      workgroupBarrier();
    }
    ${lines(
      (index) => `
    if (subgroup < ${subgroups}) { subgroupMatrixStore<row_major>(&results, u32(subgroup * ${m * n}), sum${index}, ${n}u); }
    workgroupBarrier();
    for (var at = li; at < ${subgroups * m * n}; at = at + ${TILE_GROUP}) {
      let place = at / ${m * n} * ${each} + ${index};
      let row = row0 + place / ${across} * ${m} + at % ${m * n} / ${n};
      let column = column0 + place % ${across} * ${n} + at % ${n};
      if (row < uniforms.rows && column < uniforms.columns) { store(row, column, results[at]); }
    }
    workgroupBarrier();`,
    )}
  }`;
}
