import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { attention, attentionGrad } from './kernels/attention.js';
import { batchMatMul } from './kernels/batch-mat-mul.js';
import { kernelConfig } from './kernels/define-kernel.js';
import type { WasmKernel } from './kernels/define-kernel.js';
import { concat } from './kernels/concat.js';
import { dropout } from './kernels/dropout.js';
import { gather } from './kernels/gather.js';
import { geglu, gegluGrad } from './kernels/geglu.js';
import { cast, identity } from './kernels/identity.js';
import { lora, loraPairGrad } from './kernels/lora.js';
import { nf4Unpack, nf4UnpackHalf } from './kernels/nf4-unpack.js';
import { normRope, normRopeGrad } from './kernels/norm-rope.js';
import { rmsNorm, rmsNormAdd, rmsNormGrad } from './kernels/rms-norm.js';
import { rope } from './kernels/rope.js';
import { roundHalf } from './kernels/round-half.js';
import { slice, splitV } from './kernels/slice.js';
import { softcapCrossEntropyGrad, softcapLogSumExp } from './kernels/softcap.js';
import { maskedSoftmax, softmaxGrad } from './kernels/softmax.js';
import { sum } from './kernels/sum.js';
import { tile } from './kernels/tile.js';
import { transpose } from './kernels/transpose.js';
import { exp, tanh } from './kernels/unary.js';
import { unsortedSegmentSum } from './kernels/unsorted-segment-sum.js';
import type { WasmBackendOptions } from './options.js';

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
  sum,
  softcapLogSumExp,
  softcapCrossEntropyGrad,
  lora,
  loraPairGrad,
  attention,
  attentionGrad,
  normRope,
  normRopeGrad,
  nf4Unpack,
  nf4UnpackHalf,
  roundHalf,
];

/** Names of the domain kernels among {@link kernels}. */
export const domainKernelNames: readonly string[] = kernels.map(({ name }) => name).filter((name) => name.startsWith('Nla'));

/** Whose kernels the backend computes with. */
export type KernelChoice = WasmBackendOptions['kernels'];

/** What is registered, and what tfjs-backend-wasm had under the names of our kernels. */
interface Registered {
  choice: KernelChoice | undefined;
  readonly stock: ReadonlyMap<string, KernelConfig>;
}

/** The tfjs registry belongs to the process, so this does too: a second copy of the package must not take our own kernels for stock. */
const registered = Symbol.for('nlakit.backend-wasm.registered');

/**
 * Registers the kernels for the tfjs backend `wasm` in place of the stock ones of the same name, or, for `stock`, puts those back and leaves
 * only what they lack. A composition that @nlakit/ops registered before is replaced too; for `stock` it registers them again when they are used.
 */
export function registerKernels(choice: KernelChoice): void {
  const process = globalThis as { [registered]?: Registered };
  const state = (process[registered] ??= { choice: undefined, stock: stockKernels() });
  if (state.choice === choice) return;
  for (const kernel of kernels) {
    const stock = state.stock.get(kernel.name);
    const composed = kernel.name.startsWith('Nla');
    if (getKernel(kernel.name, 'wasm') !== undefined) unregisterKernel(kernel.name, 'wasm');
    if (choice === 'own' || (stock === undefined && !composed)) registerKernel(kernelConfig(kernel, stock));
    else if (stock !== undefined) registerKernel(stock);
  }
  state.choice = choice;
}

function stockKernels(): ReadonlyMap<string, KernelConfig> {
  const found = kernels.flatMap(({ name }) => (name.startsWith('Nla') ? [] : [getKernel(name, 'wasm')]));
  return new Map(found.flatMap((stock) => (stock === undefined ? [] : [[stock.kernelName, stock]])));
}
