import { attentionFunctions } from './attention-functions.js';
import { mathFunctions, vectorExponential } from './wgsl.js';

/** Rows of a workgroup: queries or keys of one head. */
export const STREAM_ROWS = 32;
/** Invocations of a workgroup. */
export const STREAM_GROUP = 256;
/** Elements of a head that a workgroup sums up: as many as its invocations have registers for. Wider heads take more workgroups. */
export const STREAM_WIDTH = 512;
/** What is met at a time: keys if the rows are queries, and queries if they are keys. */
const COLUMNS = 64;
/** Fours of elements by which products advance. */
const DEPTH = 4;
/** One more than needed, so that invocations that read below each other meet different banks of memory. */
const PITCH = DEPTH + 1;

/** What a pass of {@link attentionStream} computes. */
export type AttentionPass = 'values' | 'statistics' | 'queries' | 'keys' | 'values of keys';

/** Names of the operands of a pass, in the order of its bindings; those but `valid` and `statistics` may be read by fours. */
export const operandsOf: Readonly<Record<AttentionPass, readonly string[]>> = {
  values: ['q', 'k', 'v', 'valid'],
  statistics: ['q', 'k', 'v', 'dy', 'valid'],
  queries: ['q', 'k', 'v', 'dy', 'valid', 'statistics'],
  keys: ['q', 'k', 'v', 'dy', 'valid', 'statistics'],
  'values of keys': ['q', 'k', 'dy', 'valid', 'statistics'],
};

/**
 * WGSL of one pass over the scores of a head, which are computed by blocks of 32 by 64 in workgroup memory (16 KiB, the least that a
 * device has) and never stored:
 *
 * - `values`: attention itself, by the online softmax (M. Milakov, N. Gimelshein, arXiv 1805.02867; as in arXiv 2205.14135).
 * - `statistics`: for each query the highest score, one by the sum of the exponentials, and the sum of the products of the probabilities
 *   and their slopes, `[batch, query, head, 3]`. The gradients are made of these, of operands read again.
 * - `queries`, `keys`, `values of keys`: the gradients, that of a key or value for each head alone, `[batch, key, head, headDim]`.
 *
 * To be dispatched over `groups` workgroups: one for 32 rows, a head of a batch, and 512 elements of a head.
 *
 * @param across fours of elements that a workgroup sums up side by side, see {@link foursAcross}
 * @param byFours whether the operands are bound as `array<vec4<f32>>`
 */
export function attentionStream(pass: AttentionPass, across: number, byFours: boolean): string {
  const rowsAreKeys = pass === 'keys' || pass === 'values of keys';
  const [scoresLeft, scoresRight] = rowsAreKeys ? ['k', 'q'] : ['q', 'k'];
  const [slopesLeft, slopesRight] = rowsAreKeys ? ['v', 'dy'] : ['dy', 'v'];
  const start = (name: string): string => (name === 'q' || name === 'dy' ? 'queryStart' : 'keyStart');
  const hasSlopes = pass !== 'values' && pass !== 'values of keys';
  const mixed = { values: 'v', statistics: undefined, queries: 'k', keys: 'q', 'values of keys': 'dy' }[pass];
  const names = [...new Set([scoresLeft, scoresRight, ...(hasSlopes ? [slopesLeft, slopesRight] : []), ...(mixed ? [mixed] : [])])];
  const target = rowsAreKeys ? '((batchIndex * uniforms.keys + row) * uniforms.heads + headIndex) * uniforms.headDim' : 'queryStart(row)';
  const mix = mixed === undefined ? undefined : mixing(pass, mixed, start(mixed), across);
  return `
  const LOWEST = -3.0e38;
  ${mathFunctions}
  ${vectorExponential}
  ${attentionFunctions}
  ${names.map((name) => readFour(name, byFours)).join('')}
  struct Pair { first : vec4<f32>, second : vec4<f32> }
  var<workgroup> leftTile : array<vec4<f32>, ${STREAM_ROWS * PITCH}>;
  var<workgroup> rightTile : array<vec4<f32>, ${COLUMNS * PITCH}>;
  // Of row r and column c at [16 r + c % 16][c / 16].
  var<workgroup> weights : array<vec4<f32>, ${(STREAM_ROWS * COLUMNS) / 4}>;
  var<workgroup> span : vec2<i32>;
  ${pass === 'values' || pass === 'statistics' ? onlineSoftmax(pass) : ''}
  const rowCount = ${STREAM_ROWS};
  // The number, which compilers do not know: they would unroll every loop, and some take half a minute for that.
  fn turns(count : i32) -> i32 { return select(count, 0, uniforms.size < 0); }
  fn rows() -> i32 { return ${rowsAreKeys ? 'uniforms.keys' : 'uniforms.queries'}; }
  fn columns() -> i32 { return ${rowsAreKeys ? 'uniforms.queries' : 'uniforms.keys'}; }
  /** Of a row and four columns, 16 apart. */
  fn shown(row : i32, column : i32) -> vec4<bool> {
    return vec4<bool>(${[0, 16, 32, 48].map((step) => (rowsAreKeys ? `seen(column + ${step}, row)` : `seen(row, column + ${step})`)).join(', ')});
  }
  ${product('scoresOf', scoresLeft, scoresRight, start)}
  ${hasSlopes ? product('slopesOf', slopesLeft, slopesRight, start) : ''}
  fn main(index : i32) {
    let li = i32(localIndex);
    let tx = li % 16;
    let ty = li / 16;
    let blocks = (rows() + rowCount - 1) / rowCount;
    let group = index / ${STREAM_GROUP};
    let head = group / blocks % (uniforms.batch * uniforms.heads);
    let slice = group / blocks / (uniforms.batch * uniforms.heads);
    place(head / uniforms.heads, head % uniforms.heads);
    // A workgroup too many has no rows.
    let row0 = select(rows(), group % blocks * rowCount, group < uniforms.groups);
    if (li == 0) { span = ${rowsAreKeys ? 'queriesOf' : 'keysOf'}(row0, min(row0 + rowCount, rows()) - 1); }
    let across = workgroupUniformLoad(&span);
    ${mix?.zero ?? ''}
    ${pass === 'values' || pass === 'statistics' ? `if (li < rowCount) { highest[li] = LOWEST; total[li] = 0.0; }` : ''}
    ${pass === 'statistics' ? `if (li < rowCount) { along[li] = 0.0; }` : ''}
    ${pass === 'queries' ? 'let known0 = known(row0 + ty); let known1 = known(row0 + ty + 16);' : ''}
    for (var block = across.x; block < across.y; block = block + ${COLUMNS}) {
      let scores = scoresOf(row0, block);
      ${hasSlopes ? 'let slopes = slopesOf(row0, block);' : ''}
      let shown0 = shown(row0 + ty, block + tx);
      let shown1 = shown(row0 + ty + 16, block + tx);
      let score0 = select(vec4<f32>(LOWEST), scores.first * uniforms.scale, shown0);
      let score1 = select(vec4<f32>(LOWEST), scores.second * uniforms.scale, shown1);
      ${weighing(pass)}
      ${mix?.add ?? ''}
    }
    ${pass === 'statistics' ? storeStatistics : ''}
    ${mix?.store ?? ''}
  }
  ${pass === 'queries' || rowsAreKeys ? knownStatistics : ''}
  ${mix === undefined ? '' : storeFour(target, byFours)}`;
}

/** For heads of that size: a power of two, so that it divides the invocations, and not more than {@link STREAM_WIDTH}. */
export function foursAcross(headDim: number): number {
  return Math.min(STREAM_WIDTH / 4, Math.max(STREAM_GROUP / STREAM_ROWS, 2 ** Math.ceil(Math.log2(headDim / 4))));
}

/** Reads the four numbers from element `4 four` of the row at `start`, zeros behind its end. */
function readFour(name: string, byFours: boolean): string {
  const at = (step: number): string => `select(0.0, ${name}[place + ${step}], 4 * four + ${step} < uniforms.headDim)`;
  return `
  fn ${name}Four(start : i32, four : i32) -> vec4<f32> {
    ${byFours ? `return ${name}[start / 4 + four];` : `let place = start + 4 * four;\n    return vec4<f32>(${[0, 1, 2, 3].map(at).join(', ')});`}
  }`;
}

/**
 * The products of the rows of two operands, for an invocation those of rows `ty` and `ty + 16` and columns `tx`, `tx + 16` and so on. Rows
 * and columns behind the last are the last again, which is harmless: their weights are zero.
 */
function product(name: string, left: string, right: string, start: (name: string) => string): string {
  const read = (operand: string): string =>
    `select(vec4<f32>(0.0), ${operand}Four(${operand === left ? 'leftStart' : 'rightStart'}, min(at, uniforms.fours - 1)), at < uniforms.fours)`;
  return `
  fn ${name}(row0 : i32, column0 : i32) -> Pair {
    let li = i32(localIndex);
    let tx = li % 16;
    let ty = li / 16;
    let four = li % ${DEPTH};
    let line = li / ${DEPTH};
    let leftStart = ${start(left)}(min(row0 + line, rows() - 1));
    let rightStart = ${start(right)}(min(column0 + line, columns() - 1));
    var sums : Pair;
    for (var base = 0; base < uniforms.fours; base = base + ${DEPTH}) {
      let at = base + four;
      if (line < ${STREAM_ROWS}) { leftTile[line * ${PITCH} + four] = ${read(left)}; }
      rightTile[line * ${PITCH} + four] = ${read(right)};
      workgroupBarrier();
      for (var depth = 0; depth < turns(${DEPTH}); depth = depth + 1) {
        let a = leftTile[ty * ${PITCH} + depth];
        let b = leftTile[(ty + 16) * ${PITCH} + depth];
        ${[0, 1, 2, 3].map((step) => `let c${step} = rightTile[(tx + ${16 * step}) * ${PITCH} + depth];`).join('\n        ')}
        sums.first = sums.first + vec4<f32>(dot(a, c0), dot(a, c1), dot(a, c2), dot(a, c3));
        sums.second = sums.second + vec4<f32>(dot(b, c0), dot(b, c1), dot(b, c2), dot(b, c3));
      }
      workgroupBarrier();
    }
    return sums;
  }`;
}

const onlineSoftmax = (pass: 'values' | 'statistics'): string => `
  var<workgroup> highest : array<f32, ${STREAM_ROWS}>;
  var<workgroup> total : array<f32, ${STREAM_ROWS}>;
  var<workgroup> factor : array<f32, ${STREAM_ROWS}>;
  ${pass === 'statistics' ? `var<workgroup> along : array<f32, ${STREAM_ROWS}>;` : ''}
  fn largest(x : vec4<f32>) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
  fn shareOf(row : i32) -> f32 { return select(1.0 / total[row], 0.0, total[row] == 0.0); }`;

const knownStatistics = `
  fn known(query : i32) -> vec3<f32> {
    let at = queryRow(min(query, uniforms.queries - 1)) * 3;
    return vec3<f32>(statistics[at], statistics[at + 1], statistics[at + 2]);
  }`;

/** From the scores and slopes of a block to `weights`, and to the sums of a row. */
function weighing(pass: AttentionPass): string {
  const store = (first: string, second: string): string => `
      weights[ty * 16 + tx] = ${first};
      weights[(ty + 16) * 16 + tx] = ${second};
      workgroupBarrier();`;
  if (pass === 'values' || pass === 'statistics') {
    const one = 'vec4<f32>(1.0)';
    return `
      ${store('vec4<f32>(largest(score0))', 'vec4<f32>(largest(score1))')}
      if (li < rowCount) {
        var top = highest[li];
        for (var at = 0; at < turns(16); at = at + 1) { top = max(top, weights[li * 16 + at].x); }
        factor[li] = nlaExp(highest[li] - top);
        highest[li] = top;
      }
      workgroupBarrier();
      let weight0 = select(vec4<f32>(0.0), nlaExp4(score0 - highest[ty]), shown0);
      let weight1 = select(vec4<f32>(0.0), nlaExp4(score1 - highest[ty + 16]), shown1);
      ${
        pass === 'values'
          ? store('weight0', 'weight1')
          : store(
              `vec4<f32>(dot(weight0, ${one}), dot(weight0, slopes.first), 0.0, 0.0)`,
              `vec4<f32>(dot(weight1, ${one}), dot(weight1, slopes.second), 0.0, 0.0)`,
            )
      }
      if (li < rowCount) {
        var sum = vec4<f32>(0.0);
        for (var at = 0; at < turns(16); at = at + 1) { sum = sum + weights[li * 16 + at]; }
        total[li] = total[li] * factor[li] + ${pass === 'values' ? `dot(sum, ${one})` : 'sum.x'};
        ${pass === 'values' ? '' : 'along[li] = along[li] * factor[li] + sum.y;'}
      }`;
  }
  const known =
    pass === 'queries'
      ? [0, 1, 2].map((part) => [`known0[${part}]`, `known1[${part}]`] as const)
      : [0, 1, 2].map((part) => Array<string>(2).fill(`vec4<f32>(known0[${part}], known1[${part}], known2[${part}], known3[${part}])`));
  const [high = [], share = [], along = []] = known;
  const probability = (row: 0 | 1): string => `select(vec4<f32>(0.0), nlaExp4(score${row} - ${high[row]}) * ${share[row]}, shown${row})`;
  const weight = (row: 0 | 1): string =>
    pass === 'values of keys'
      ? probability(row)
      : `${probability(row)} * (slopes.${row === 0 ? 'first' : 'second'} - ${along[row]}) * uniforms.scale`;
  return `
      ${pass === 'queries' ? '' : [0, 1, 2, 3].map((step) => `let known${step} = known(block + tx + ${16 * step});`).join('\n      ')}
      ${store(weight(0), weight(1))}`;
}

const storeStatistics = `
    workgroupBarrier();
    if (li < rowCount && row0 + li < rows()) {
      let at = queryRow(row0 + li) * 3;
      result[at] = highest[li];
      result[at + 1] = shareOf(li);
      result[at + 2] = along[li] * shareOf(li);
    }`;

interface Mixing {
  readonly zero: string;
  readonly add: string;
  readonly store: string;
}

/**
 * The sums over the columns, of weights and rows of an operand: for an invocation four elements of some of the rows, in registers.
 *
 * @param name the operand
 * @param start function of where a row of it begins
 */
function mixing(pass: AttentionPass, name: string, start: string, across: number): Mixing {
  const rows = Array.from({ length: (STREAM_ROWS * across) / STREAM_GROUP }, (_, row) => row);
  const each = (line: (row: number) => string): string => rows.map(line).join('\n      ');
  const isOnline = pass === 'values';
  return {
    zero: `let four = slice * ${STREAM_WIDTH / 4} + li % ${across};
    let mine = li / ${across} * ${rows.length};
    ${each((row) => `var sum${row} = vec4<f32>(0.0);`)}`,
    add: `${isOnline ? each((row) => `sum${row} = sum${row} * factor[mine + ${row}];`) : ''}
      for (var at = 0; at < turns(16); at = at + 1) {
        ${[0, 1, 2, 3].map((step) => `let line${step} = ${name}Four(${start}(min(block + at + ${16 * step}, columns() - 1)), min(four, uniforms.fours - 1));`).join('\n        ')}
        ${each((row) => `{ let w = weights[(mine + ${row}) * 16 + at]; sum${row} = sum${row} + w.x * line0 + w.y * line1 + w.z * line2 + w.w * line3; }`)}
      }`,
    store: `${isOnline ? 'workgroupBarrier();' : ''}
    if (four < uniforms.fours) {
      ${each((row) => `storeFour(row0 + mine + ${row}, four, sum${row}${isOnline ? ` * shareOf(mine + ${row})` : ''});`)}
    }`,
  };
}

/** `storeFour` of the result whose row `row` begins at `target`. */
const storeFour = (target: string, byFours: boolean): string => `
  fn storeFour(row : i32, four : i32, value : vec4<f32>) {
    if (row >= rows()) { return; }
    let start = ${target} + 4 * four;
    ${[0, 1, 2, 3]
      .map((step) => `${byFours ? '' : `if (4 * four + ${step} < uniforms.headDim) `}{ result[start + ${step}] = value[${step}]; }`)
      .join('\n    ')}
  }`;
