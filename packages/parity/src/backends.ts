import '@tensorflow/tfjs-backend-cpu';
import { createWasmBackend, supportsRelaxedSimd } from '@nlakit/backend-wasm';
import type { Backend, Plugin } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams, silentLogger } from '@nlakit/run';
import { version_cpu as cpuVersion } from '@tensorflow/tfjs-backend-cpu';

/** A backend that comparisons can run on. */
export interface PresentBackend {
  /** Name for the table. */
  readonly name: string;
  /** Makes it current. Resolves to a description of engine and build. */
  start(): Promise<string>;
}

/** Backends of this machine, and those that it lacks. */
export interface BackendCensus {
  readonly present: readonly PresentBackend[];
  readonly absent: readonly { readonly name: string; readonly reason: string }[];
}

/** Plugins of devices, used where their package is installed and starts. */
const devicePlugins = [
  { specifier: '@nlakit/backend-tfjs-node-gpu', options: {} },
  // A driver that computes on the CPU compiles the same kernels, and here the numbers count.
  { specifier: '@nlakit/backend-webgpu', options: { allowSoftware: true } },
];

/** Every backend that can run here. A device's backend is started once to find out. */
export async function presentBackends(): Promise<BackendCensus> {
  const present: PresentBackend[] = [{ name: 'wasm', start: async () => (await createWasmBackend({ relaxedSimd: 'off' })).description }];
  const absent: { name: string; reason: string }[] = [];
  if (supportsRelaxedSimd()) {
    present.push({ name: 'wasm, fused', start: async () => (await createWasmBackend({ relaxedSimd: 'auto' })).description });
  } else {
    absent.push({ name: 'wasm, fused', reason: `Node ${process.versions.node} has no relaxed SIMD` });
  }
  present.push({
    name: 'cpu',
    async start() {
      await tf.setBackend('cpu');
      return `tfjs-backend-cpu ${cpuVersion}, compositions of stock operations`;
    },
  });
  for (const { specifier, options } of devicePlugins) {
    const name = specifier.replace('@nlakit/backend-', '');
    try {
      const device = await startPlugin(specifier, options);
      present.push({
        name,
        async start() {
          await tf.setBackend(device.name);
          return device.description;
        },
      });
    } catch (error) {
      absent.push({ name, reason: (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '' });
    }
  }
  return { present, absent };
}

async function startPlugin(specifier: string, given: object): Promise<Backend> {
  let plugin: Plugin<'backend', unknown>;
  try {
    ({ plugin } = (await import(specifier)) as { plugin: Plugin<'backend', unknown> });
  } catch {
    throw new Error(`${specifier} is not installed`);
  }
  const options = await plugin.optionsSchema['~standard'].validate(given);
  if (options.issues !== undefined) throw new Error(`${specifier} does not take its options`);
  return plugin.create(options.value, {
    use: (kind) => {
      throw new Error(`a backend asked for a ${kind}`);
    },
    seeds: createSeedStreams(0),
    signal: new AbortController().signal,
    log: silentLogger,
    baseFolder: process.cwd(),
  });
}
