import type { TensorInfo } from '@tensorflow/tfjs-core';
import { NF4_VALUES } from '@nlakit/ops';
import { input, nf4Operands, requireShape } from '@nlakit/ops/operands';
import type { WebgpuCall, WebgpuKernel } from './define-kernel.js';
import { halfRangeFunctions, rowShifts } from './half-range.js';
import { matrixProduct } from './matrix-product.js';
import { roundStorageFunction } from './round-half.js';
import { runProgram } from './run-program.js';
import { TILE, TILE_GROUP, tiledProduct } from './tiled-product.js';
import type { TiledProduct } from './tiled-product.js';
import { f32, groupReductions } from './wgsl.js';
import { findEngine } from '../webgpu-engine.js';

/** Up to that many rows, as in generation, the product reads each weight once for all rows instead of computing tiles. */
const FEW_ROWS = 8;
const FEW_GROUP = 64;

/**
 * `weight(place)`: the element of the flat weight. Byte j of a little-endian word holds elements 2j (high nibble) and 2j + 1 (low nibble).
 * The values are looked up in workgroup memory, which {@link fillTable} fills: an array of constants would be copied per invocation.
 */
const weightFunction = (storage: string): string => `
var<workgroup> nf4Values : array<f32, 16>;
${roundStorageFunction(storage)}
fn weight(place : i32) -> f32 {
  let word = bitcast<u32>(codes[place >> 3u]);
  let shift = u32(((place & 6) << 2u) + select(0, 4, (place & 1) == 0));
  return roundStorage(nf4Values[(word >> shift) & 15u] * absmax[place / uniforms.blockSize]);
}`;

const fillTable = `
if (localIndex == 0u) {
  ${Array.from(NF4_VALUES, (value, code) => `nf4Values[${code}] = ${f32(value)};`).join('\n  ')}
}
workgroupBarrier();`;

/** NlaNf4Unpack: the weight as f32 of attribute `shape`; what lies beyond it is padding. */
export const nf4Unpack: WebgpuKernel = {
  name: 'NlaNf4Unpack',
  run: (call) => {
    const shape = call.attrs['shape'] as readonly number[];
    const { codes, absmax, blockSize } = nf4Operands(call, 'NlaNf4Unpack', shape);
    return runProgram(call.backend, {
      key: 'NlaNf4Unpack',
      inputs: { codes, absmax },
      integers: { blockSize },
      outputShape: shape,
      code: `${weightFunction('float32')}
      fn main(index : i32) {
        ${fillTable}
        if (index < uniforms.size) { result[index] = weight(index); }
      }`,
    });
  },
};

/** NlaNf4Linear: `x Wᵀ` for x `[rows, inn]`, with W `[out, inn]` unpacked tile by tile and never as a whole. */
export const nf4Linear: WebgpuKernel = {
  name: 'NlaNf4Linear',
  run: (call) => product(call, 'NlaNf4Linear', 'x', true),
};

/** NlaNf4LinearGrad: `dy W` for dy `[rows, out]`. */
export const nf4LinearGrad: WebgpuKernel = {
  name: 'NlaNf4LinearGrad',
  run: (call) => product(call, 'NlaNf4LinearGrad', 'dy', false),
};

function product(call: WebgpuCall, kernel: string, leftName: string, forward: boolean): TensorInfo {
  const operand = input(call, kernel, leftName);
  const [out, inn] = [Number(call.attrs['out']), Number(call.attrs['inn'])];
  const storage = String(call.attrs['storage']);
  const { codes, absmax, blockSize } = nf4Operands(call, kernel, [out, inn]);
  const [inner, columns] = forward ? [inn, out] : [out, inn];
  const rows = operand.shape[0] ?? 0;
  requireShape(
    operand.shape.length === 2 && operand.shape[1] === inner,
    kernel,
    { [leftName]: operand.shape },
    `${leftName} [rows, ${inner}]`,
  );
  const shared = { inputs: { operand, codes, absmax }, integers: { rows, columns, inner, blockSize }, outputShape: [rows, columns] };
  if (forward && rows <= FEW_ROWS) {
    return runProgram(call.backend, {
      ...shared,
      key: `${kernel} ${storage} few ${rows}`,
      groupSize: FEW_GROUP,
      groups: [columns],
      code: fewRows(rows, storage),
    });
  }
  const tiled = { ...shared, groupSize: TILE_GROUP, groups: [Math.ceil(columns / TILE), Math.ceil(rows / TILE)] as const };
  const { multiply = 'f32', matrixUnit } = findEngine(call.backend) ?? {};
  if (multiply === 'f32') {
    return runProgram(call.backend, { ...tiled, key: `${kernel} ${storage} tiled`, code: singleProduct(storage, forward) });
  }
  const shifts = rowShifts(call.backend, operand, rows, inner);
  const half = halfProduct(storage, forward);
  const [by, code] =
    matrixUnit === undefined ? ['tiled', tiledProduct(half)] : [`by ${JSON.stringify(matrixUnit)}`, matrixProduct(half, matrixUnit)];
  const result = runProgram(call.backend, { ...tiled, inputs: { ...tiled.inputs, shifts }, key: `${kernel} ${storage} f16 ${by}`, code });
  call.backend.disposeData(shifts.dataId);
  return result;
}

/** The product of operands in f32. */
function singleProduct(storage: string, forward: boolean): string {
  return tiledProduct({
    rightContiguous: forward ? 'inner' : 'column',
    prologue: fillTable,
    functions: `${weightFunction(storage)}
    fn left(row : i32, at : i32) -> f32 { return operand[row * uniforms.inner + at]; }
    fn right(at : i32, column : i32) -> f32 { return weight(${placeOf(forward)}); }
    fn store(row : i32, column : i32, sum : f32) { result[row * uniforms.columns + column] = sum; }`,
  });
}

/**
 * The product of operands in f16. Powers of two bring them into its range: one for each row of the left operand, from {@link rowShifts},
 * and one for the weights of the 64 columns of a tile, from the largest absmax among theirs. So weights that are stored in half precision
 * lose nothing.
 */
function halfProduct(storage: string, forward: boolean): TiledProduct {
  // Forward, the weights of a tile lie one after the other; backward, it takes a piece of every row.
  const largest = forward
    ? `let bits = largestOfBlocks(column0 * uniforms.inner, end * uniforms.inner - 1, li, ${TILE_GROUP});`
    : `var bits = 0u;
    for (var at = li; at < uniforms.inner; at = at + ${TILE_GROUP}) {
      bits = max(bits, largestOfBlocks(at * uniforms.columns + column0, at * uniforms.columns + end - 1, 0, 1));
    }`;
  return {
    half: true,
    rightContiguous: forward ? 'inner' : 'column',
    prologue: `
    let end = min(column0 + ${TILE}, uniforms.columns);
    ${largest}
    atomicMax(&largestAbsmax, bits);
    ${fillTable}
    weightShift = shiftOf(atomicLoad(&largestAbsmax));
    weightScale = twoTo(weightShift);`,
    functions: `${weightFunction(storage)}
    ${halfRangeFunctions}
    var<workgroup> largestAbsmax : atomic<u32>;
    var<private> weightShift : i32;
    var<private> weightScale : f32;
    fn largestOfBlocks(first : i32, last : i32, skip : i32, step : i32) -> u32 {
      var bits = 0u;
      for (var block = first / uniforms.blockSize + skip; block <= last / uniforms.blockSize; block = block + step) {
        bits = max(bits, magnitudeBits(absmax[block]));
      }
      return bits;
    }
    fn left(row : i32, at : i32) -> f32 { return operand[row * uniforms.inner + at]; }
    fn leftScale(row : i32) -> f32 { return twoTo(shifts[min(row, uniforms.rows - 1)]); }
    fn right(at : i32, column : i32) -> f32 { return weight(${placeOf(forward)}) * weightScale; }
    fn store(row : i32, column : i32, sum : f32) {
      result[row * uniforms.columns + column] = shiftedBack(sum, shifts[row], weightShift);
    }`,
  };
}

/** WGSL of the place of `right(at, column)` in the weight. */
function placeOf(forward: boolean): string {
  return forward ? 'column * uniforms.inner + at' : 'at * uniforms.columns + column';
}

/** One workgroup per column of the result, that is per row of the weight, whose elements it reads one after the other. */
function fewRows(rows: number, storage: string): string {
  const each = (line: (row: number) => string): string => Array.from({ length: rows }, (_, row) => line(row)).join('\n');
  return `${weightFunction(storage)}
  ${groupReductions(FEW_GROUP)}
  fn main(index : i32) {
    let lane = i32(localIndex);
    let column = index / ${FEW_GROUP};
    ${fillTable}
    ${each((row) => `var sum${row} = 0.0;`)}
    for (var at = lane; at < uniforms.inner; at = at + ${FEW_GROUP}) {
      let w = weight(column * uniforms.inner + at);
      ${each((row) => `sum${row} = sum${row} + operand[${row} * uniforms.inner + at] * w;`)}
    }
    ${each((row) => `let total${row} = sumOfGroup(sum${row});`)}
    if (lane == 0 && column < uniforms.columns) {
      ${each((row) => `result[${row} * uniforms.columns + column] = total${row};`)}
    }
  }`;
}
