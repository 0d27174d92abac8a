import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { attention, attentionGrad } from './kernels/attention.js';
import { kernelConfig } from './kernels/define-kernel.js';
import type { WebgpuKernel } from './kernels/define-kernel.js';
import { dropout } from './kernels/dropout.js';
import { geglu, gegluGrad } from './kernels/geglu.js';
import { lora } from './kernels/lora.js';
import { nf4Linear, nf4LinearGrad, nf4Unpack } from './kernels/nf4.js';
import { withManyMatrices } from './kernels/many-matrices.js';
import { normRope, normRopeGrad } from './kernels/norm-rope.js';
import { rmsNorm, rmsNormAdd, rmsNormGrad } from './kernels/rms-norm.js';
import { rope } from './kernels/rope.js';
import { roundHalf } from './kernels/round-half.js';
import { softcapCrossEntropyGrad, softcapLogSumExp } from './kernels/softcap.js';
import { maskedSoftmax, softmaxGrad } from './kernels/softmax.js';
import { withSumOfNothing } from './kernels/sum-of-nothing.js';
import { exp, tanh } from './kernels/unary.js';
import { unsortedSegmentSum } from './kernels/unsorted-segment-sum.js';

/** Every kernel of this package. */
const kernels: readonly WebgpuKernel[] = [
  exp,
  tanh,
  unsortedSegmentSum,
  rmsNorm,
  rmsNormAdd,
  rmsNormGrad,
  rope,
  normRope,
  normRopeGrad,
  geglu,
  gegluGrad,
  attention,
  attentionGrad,
  maskedSoftmax,
  softmaxGrad,
  softcapLogSumExp,
  softcapCrossEntropyGrad,
  lora,
  dropout,
  nf4Unpack,
  nf4Linear,
  nf4LinearGrad,
  roundHalf,
];

/** Names of the domain kernels among {@link kernels}. */
export const domainKernelNames: readonly string[] = kernels.map(({ name }) => name).filter((name) => name.startsWith('Nla'));

/** The tfjs registry belongs to the process, so this does too. */
const registered = Symbol.for('nlakit.backend-webgpu.registered');

/**
 * Registers the kernels for the tfjs backend `webgpu`, once per process, in place of the stock ones of the same name. A composition that
 * @nlakit/ops registered before is replaced too.
 */
export function registerKernels(): void {
  const process = globalThis as Record<symbol, unknown>;
  if (process[registered] === true) return;
  for (const kernel of kernels) {
    if (getKernel(kernel.name, 'webgpu') !== undefined) unregisterKernel(kernel.name, 'webgpu');
    registerKernel(kernelConfig(kernel));
  }
  for (const [name, improved] of [
    ['Sum', withSumOfNothing],
    ['BatchMatMul', withManyMatrices],
  ] as const) {
    const stock = getKernel(name, 'webgpu');
    if (stock === undefined) continue;
    unregisterKernel(name, 'webgpu');
    registerKernel(improved(stock));
  }
  process[registered] = true;
}
