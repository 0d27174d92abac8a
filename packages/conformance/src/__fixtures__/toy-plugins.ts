import { definePlugin, type Backend, type Plugin, type PluginKind, type SeamMap, type StandardSchema } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { createToyInjector, createToyModel, createToyDataset } from '../toy/index.js';

/** No options at all. */
export const noOptions: StandardSchema<object> = {
  '~standard': {
    version: 1,
    vendor: 'toy',
    validate: (value) =>
      typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? { value: {} } : { issues: [{ message: 'takes no options' }] },
  },
};

function toyPlugin<Kind extends PluginKind>(kind: Kind, create: () => SeamMap[Kind] | Promise<SeamMap[Kind]>): Plugin<Kind> {
  return definePlugin<Kind, unknown>({ kind, name: `toy ${kind}`, version: '1.0.0', optionsSchema: noOptions, create });
}

/** The engine that comes with tfjs, as the README shows it. */
async function createPlainBackend(): Promise<Backend> {
  await tf.setBackend('cpu');
  let peakBytes = 0;
  return {
    name: 'cpu',
    description: 'tfjs in JavaScript',
    capabilities: { kernels: [], multiply: ['f32'], maxTensorBytes: 2 ** 31 - 1, synchronousRead: true },
    memory: () => {
      const { numBytes: liveBytes, numTensors: tensors } = tf.memory();
      peakBytes = Math.max(peakBytes, liveBytes);
      return { liveBytes, peakBytes, tensors };
    },
    async selfTest() {
      const ones = tf.ones([64, 64]);
      const product = tf.matMul(ones, ones);
      const ok = (await product.data()).every((value) => value === 64);
      tf.dispose([ones, product]);
      return { ok, gflops: 0, detail: 'a product of matrices of ones' };
    },
    dispose: () => Promise.resolve(),
  };
}

/** A right plugin of each kind that the toy world has something of. */
export const toyPlugins = {
  backend: toyPlugin('backend', createPlainBackend),
  quantizer: toyPlugin('quantizer', () => plainQuantizer({ dtype: 'f32' })),
  model: toyPlugin('model', () => ({ describe: () => Promise.resolve(createToyModel().spec), load: () => Promise.resolve(createToyModel()) })),
  injector: toyPlugin('injector', () => createToyInjector()),
  dataset: toyPlugin('dataset', () => createToyDataset()),
};
