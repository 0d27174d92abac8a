import { readFileSync } from 'node:fs';
import { platform } from 'node:os';

// The rows of the table of benchmarks: what is run, and what it is to reach. Ratios are our time over Python's, or over that of the kernels that
// tfjs-backend-wasm ships, in the same run.

const wasm = { backend: '@nlakit/backend-wasm' };
const tensorflow = { backend: '@nlakit/backend-tfjs-node-gpu' };

/** Whether this processor multiplies in bf16. Without it, bf16 is emulated on both sides and slower than f32, so the rows compare f32. */
export const multipliesBf16 = platform() === 'linux' && /\b(?:avx512_bf16|amx_bf16|bf16)\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
const fastest = multipliesBf16 ? 'bf16' : 'f32';
/** The full-size rows in one arithmetic: that of Python's whole model, and of TensorFlow's products with the frozen base. */
const fullSizeIn = (dtype) => ({
  backend: tensorflow.backend,
  set: [`backend.options.multiply=${dtype}`],
  peerDtype: dtype,
});

/** Our time over Python's. */
const ratio = (limit) => ({ what: 'time, ours / Python', of: (row) => row.ratio, limit });
/** Python's time over ours, where the target is stated as a rate. */
const speed = (least) => ({ what: 'tokens/s, ours / Python', of: (row) => 1 / row.ratio, least });
const memory = (limit) => ({ what: 'peak memory, ours / Python', of: (row) => row.peakBytes / row.peer?.peakBytes, limit });
/** Our time over that of the shipped kernels. */
const stock = (limit) => ({ what: 'time, ours / shipped kernels', of: (row) => row.stock?.ratio, limit });
const roof = (least) => ({ what: "share of the engine's own matrix products", of: (row) => row.roof?.share, least });

// A run has hundreds of steps. In its first second V8 is still compiling, which is a part of the start-up row; Python gets the same warm-up.
const settled = { 1: ['--warmup', '10', '--repeats', '31'], 16: ['--warmup', '2', '--repeats', '7'] };
const plain = (batch) => `#plain, batch ${batch} of`;
const generation = (batch) => `#plain, ${batch} x`;
const e2b = (length, more) => ['e2b-step', '--length', `${length}`, ...more];
const fullSize = ['--warmup', '1', '--repeats', '2'];
const fullSizeShort = ['--warmup', '1', '--repeats', '1'];

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {(row: object) => number} of what is compared, of a row of `nla bench --json`
 * @property {number} [limit] met at most there
 * @property {number} [least] met at least there
 */
/**
 * @typedef {object} Row
 * @property {string} id
 * @property {readonly string[]} args of `nla bench`, without backend and peer
 * @property {readonly string[]} quick the same for a rehearsal: one repeat, and short
 * @property {string} [backend]
 * @property {readonly string[]} [set] options of the backend
 * @property {'bf16' | 'f32'} [peerDtype] what Python computes in
 * @property {boolean} [alone] without Python
 * @property {readonly Target[]} targets
 */

/** Cheap rows first, so that a run that is cut off has most of them. */
/** @type {readonly Row[]} */
export const rows = [
  ...[
    { name: 'wasm', use: wasm, step: 2, generate: { 1: 3, 8: 1 } },
    { name: 'tensorflow', use: tensorflow, step: 0.7, generate: { 1: 3, 8: 2 } },
  ].flatMap(({ name, use, step, generate }) => [
    ...[1, 16].map((batch) => ({
      id: `tiny-step-${batch}-${name}`,
      args: ['tiny-step', '--only', plain(batch), ...settled[batch], '--baseline', 'roof', '--profile'],
      quick: ['tiny-step', '--only', plain(batch), '--length', '16', '--repeats', '1'],
      ...use,
      targets: [ratio(step)],
    })),
    ...[1, 8].map((batch) => ({
      id: `generate-${batch}-${name}`,
      args: ['generate', '--only', generation(batch), '--repeats', '7'],
      quick: ['generate', '--only', generation(batch), '--repeats', '1'],
      ...use,
      targets: [speed(generate[batch])],
    })),
    {
      id: `startup-${name}`,
      args: ['startup', '--only', 'training step', '--repeats', '5'],
      quick: ['startup', '--only', 'training step', '--repeats', '1', '--warmup', '0'],
      ...use,
      targets: [ratio(0.4)],
    },
    {
      id: `load-${name}`,
      args: ['load', '--only', '#plain, and', '--repeats', '7'],
      quick: ['load', '--only', '#plain, and', '--repeats', '1'],
      ...use,
      targets: [],
    },
  ]),
  // Against tfjs-backend-wasm as it is shipped, without Python, whose threads would take turns with both.
  ...[
    ...[1, 16].map((batch) => ({
      id: `tiny-step-${batch}`,
      measured: ['tiny-step', '--only', plain(batch)],
      repeats: batch === 1 ? '7' : '3',
    })),
    ...[1, 8].map((batch) => ({ id: `generate-${batch}`, measured: ['generate', '--only', generation(batch)], repeats: '5' })),
  ].map(({ id, measured, repeats }) => ({
    id: `${id}-wasm-shipped`,
    args: [...measured, '--repeats', repeats, '--baseline', 'stock'],
    quick: [...measured, '--length', '16', '--repeats', '1', '--baseline', 'stock'],
    ...wasm,
    alone: true,
    targets: [stock(1)],
  })),
  ...[wasm, tensorflow].map((use, at) => ({
    id: `nf4-unpack-${['wasm', 'tensorflow'][at]}`,
    args: ['nf4', '--only', 'unpack to', '--repeats', '9'],
    quick: ['nf4', '--only', 'unpack to', '--repeats', '1'],
    ...use,
    targets: [],
  })),
  {
    id: 'nf4-e2b',
    args: ['nf4-e2b', '--warmup', '0', '--repeats', '2'],
    quick: ['nf4-e2b', '--warmup', '0', '--repeats', '1'],
    targets: [ratio(0.15)],
  },
  {
    id: 'e2b-step-128-tensorflow',
    args: e2b(128, [...fullSize, '--baseline', 'roof', '--profile']),
    quick: e2b(8, ['--baseline', 'roof']),
    ...fullSizeIn(fastest),
    targets: [ratio(0.7), roof(0.7)],
  },
  {
    id: 'e2b-step-128-tensorflow-kept',
    args: e2b(128, [...fullSizeShort, '--keep-activations']),
    quick: e2b(8, ['--keep-activations']),
    ...fullSizeIn(fastest),
    targets: [ratio(0.7)],
  },
  {
    id: 'e2b-step-512-tensorflow',
    args: e2b(512, [...fullSizeShort, '--baseline', 'roof', '--profile']),
    quick: e2b(16, []),
    ...fullSizeIn(fastest),
    targets: [ratio(0.8), memory(0.45), roof(0.7)],
  },
  {
    id: 'e2b-step-512-tensorflow-kept',
    args: e2b(512, [...fullSizeShort, '--keep-activations']),
    quick: e2b(16, ['--keep-activations']),
    ...fullSizeIn(fastest),
    targets: [ratio(0.8)],
  },
  // The other arithmetic, where it is not the same.
  ...(fastest === 'f32'
    ? []
    : [128, 512].map((length) => ({
        id: `e2b-step-${length}-tensorflow-f32`,
        args: e2b(length, fullSizeShort),
        ...fullSizeIn('f32'),
        targets: [],
      }))),
  {
    id: 'e2b-step-128-wasm',
    args: e2b(128, ['--warmup', '0', '--repeats', '1', '--baseline', 'roof']),
    ...wasm,
    alone: true,
    targets: [roof(0.7)],
  },
];
