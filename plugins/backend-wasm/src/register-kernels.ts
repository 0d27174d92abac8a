import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { attention, attentionGrad } from './kernels/attention.js';
import { batchMatMul } from './kernels/batch-mat-mul.js';
import { kernelConfig } from './kernels/define-kernel.js';
import type { WasmKernel } from './kernels/define-kernel.js';
import { concat } from './kernels/concat.js';
import { dropout } from './kernels/dropout.js';
import { gather } from './kernels/gather.js';
import { geglu, gegluGrad } from './kernels/geglu.js';
import { cast, identity } from './kernels/identity.js';
import { lora, loraGrad } from './kernels/lora.js';
import { nf4Unpack } from './kernels/nf4-unpack.js';
import { normRope, normRopeGrad } from './kernels/norm-rope.js';
import { rmsNorm, rmsNormAdd, rmsNormGrad } from './kernels/rms-norm.js';
import { rope } from './kernels/rope.js';
import { roundHalf } from './kernels/round-half.js';
import { slice, splitV } from './kernels/slice.js';
import { softcapCrossEntropyGrad, softcapLogSumExp } from './kernels/softcap.js';
import { maskedSoftmax, softmaxGrad } from './kernels/softmax.js';
import { tile } from './kernels/tile.js';
import { transpose } from './kernels/transpose.js';
import { exp, tanh } from './kernels/unary.js';
import { unsortedSegmentSum } from './kernels/unsorted-segment-sum.js';

/** Every kernel of this package. */
const kernels: readonly WasmKernel[] = [
  batchMatMul,
  identity,
  cast,
  exp,
  tanh,
  unsortedSegmentSum,
  slice,
  splitV,
  concat,
  gather,
  tile,
  transpose,
  rmsNorm,
  rmsNormAdd,
  rmsNormGrad,
  rope,
  dropout,
  geglu,
  gegluGrad,
  maskedSoftmax,
  softmaxGrad,
  softcapLogSumExp,
  softcapCrossEntropyGrad,
  lora,
  loraGrad,
  attention,
  attentionGrad,
  normRope,
  normRopeGrad,
  nf4Unpack,
  roundHalf,
];

/** Names of the domain kernels among {@link kernels}. */
export const domainKernelNames: readonly string[] = kernels.map(({ name }) => name).filter((name) => name.startsWith('Nla'));

/** The tfjs registry belongs to the process, so this does too: a second copy of the package must not wrap our own kernels as stock. */
const registered = Symbol.for('nlakit.backend-wasm.registered');

/**
 * Registers the kernels for the tfjs backend `wasm`, once per process, in place of the stock ones of the same name. A composition that
 * @nlakit/ops registered before is replaced too.
 */
export function registerKernels(): void {
  const process = globalThis as Record<symbol, unknown>;
  if (process[registered] === true) return;
  for (const kernel of kernels) {
    const stock = getKernel(kernel.name, 'wasm');
    if (stock !== undefined) unregisterKernel(kernel.name, 'wasm');
    registerKernel(kernelConfig(kernel, stock));
  }
  process[registered] = true;
}
