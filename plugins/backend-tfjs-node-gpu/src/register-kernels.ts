import * as tf from '@tensorflow/tfjs-core';
import { ownKernels } from './kernels/own-kernels.js';
import { rawKernels } from './kernels/raw-kernels.js';
import { movingKernels } from './kernels/moving-kernels.js';
import type { KernelFunction, KernelSetting } from './kernels/kernel.js';

/** What tfjs-node registers under the names we replace; the registry belongs to the process, and so does this. */
const stock = Symbol.for('nlakit.backend-tfjs-node-gpu.stock');

/**
 * Registers our kernels for the tfjs backend `tensorflow`, in place of what stands under their names: kernels of tfjs-node, kernels of an
 * earlier call with other settings, and compositions of @nlakit/ops. Returns the names of the domain kernels.
 */
export function registerKernels(setting: KernelSetting): readonly string[] {
  const wanted: ReadonlyMap<string, KernelFunction> = new Map([
    ...movingKernels,
    ...rawKernels(setting),
    ...(setting.own ? ownKernels : []),
  ]);
  const shared = globalThis as { [stock]?: Map<string, tf.KernelConfig | undefined> };
  const before = (shared[stock] ??= new Map());
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
