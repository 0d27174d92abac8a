import * as tf from '@tensorflow/tfjs-core';
import { ownKernels, ownProducts } from './kernels/own-kernels.js';
import { ownTfjsKernels } from './kernels/own-tfjs-kernels.js';
import { rawKernels } from './kernels/raw-kernels.js';
import { movingKernels } from './kernels/moving-kernels.js';
import type { KernelFunction, KernelSetting } from './kernels/kernel.js';

/** What tfjs-node registers under the names we replace; the registry belongs to the process, and so does this. */
const stock = Symbol.for('nlakit.backend-tfjs-node-gpu.stock');

const replaced = (): Map<string, tf.KernelConfig | undefined> =>
  ((globalThis as { [stock]?: Map<string, tf.KernelConfig> })[stock] ??= new Map());

/** The kernel that tfjs-node has under a name. */
function stockOf(name: string): KernelFunction {
  const config = replaced().get(name) ?? tf.getKernel(name, 'tensorflow');
  return (call) => config.kernelFunc({ ...call, backend: tf.backend() } as unknown as Parameters<tf.KernelConfig['kernelFunc']>[0]);
}

/**
 * Registers our kernels for the tfjs backend `tensorflow`, in place of what stands under their names: kernels of tfjs-node, kernels of an
 * earlier call with other settings, and compositions of @nlakit/ops. Returns the names of the domain kernels.
 */
export function registerKernels(setting: KernelSetting): readonly string[] {
  const wanted: ReadonlyMap<string, KernelFunction> = new Map([
    // With products in bf16, those of raw handles stand in for ours, and what has no such form is composed of them.
    ...(setting.own
      ? [...[...ownKernels].filter(([name]) => setting.multiply === 'f32' || !ownProducts.has(name)), ...ownTfjsKernels(stockOf)]
      : movingKernels),
    ...rawKernels(setting),
  ]);
  const before = replaced();
  for (const name of new Set([...before.keys(), ...wanted.keys()])) {
    const present = tf.getKernel(name, 'tensorflow') as tf.KernelConfig | undefined;
    if (!before.has(name)) before.set(name, name.startsWith('Nla') ? undefined : present);
    if (present !== undefined) tf.unregisterKernel(name, 'tensorflow');
    const kernelFunc = wanted.get(name);
    const config = kernelFunc === undefined ? before.get(name) : { kernelName: name, backendName: 'tensorflow', kernelFunc };
    if (config !== undefined) tf.registerKernel(config as tf.KernelConfig);
  }
  return [...wanted.keys()].filter((name) => name.startsWith('Nla'));
}
