import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { BackendWasm, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { NlaError } from '@nlakit/core';
import type { Backend } from '@nlakit/core';
import { defaultMaxHeapBytes, heapCeiling } from './heap-account.js';
import { supportsRelaxedSimd } from './instantiate-kernels.js';
import type { WasmBackendOptions } from './options.js';
import { domainKernelNames, registerKernels } from './register-kernels.js';
import type { KernelChoice } from './register-kernels.js';
import { selfTest } from './self-test.js';
import { startHeap } from './start-heap.js';
import { attachEngine, configureEngine, dismissHelpers, findEngine } from './wasm-engine.js';
import type { WasmEngine } from './wasm-engine.js';

/**
 * Makes the tfjs backend `wasm` ready and current, with our kernels and our account of its heap. Works in worker threads, prints
 * nothing. A process (or thread) has one wasm heap: called again it returns another handle on the same one, with the options of the
 * last call; {@link Backend.dispose} of any handle ends it for all. Throws `E_BACKEND_UNAVAILABLE` if the backend cannot start.
 */
export async function createWasmBackend(options: Partial<WasmBackendOptions> = {}): Promise<Backend> {
  const { kernels = 'own' } = options;
  const threads = kernels === 'stock' ? 1 : (options.threads ?? 1);
  const backend = await startTfjs(threads > 1);
  registerKernels(kernels);
  const build = options.relaxedSimd !== 'off' && supportsRelaxedSimd() ? 'relaxed' : 'plain';
  const maxHeapBytes = options.maxHeapBytes ?? defaultMaxHeapBytes;
  const engine = findEngine(backend) ?? attachEngine(backend, build, maxHeapBytes);
  engine.account.maxHeapBytes = maxHeapBytes;
  configureEngine(engine, build, threads);
  return handle(engine, kernels);
}

async function startTfjs(sharedHeap: boolean): Promise<BackendWasm> {
  tf.env().set('PROD', true);
  if (tf.findBackendFactory('wasm') === null) throw unavailable('tfjs-backend-wasm is registered with another copy of tfjs-core');
  if (tf.getBackend() !== 'wasm' && !(await startHeap(sharedHeap))) throw unavailable('tfjs could not start its wasm backend');
  await tf.ready();
  const backend: unknown = tf.backend();
  if (!(backend instanceof BackendWasm)) throw unavailable('another backend answers to the name wasm');
  return backend;
}

function unavailable(found: string): NlaError {
  return new NlaError('E_BACKEND_UNAVAILABLE', {
    message: 'The wasm backend cannot be used.',
    found,
    expected: `@tensorflow/tfjs-backend-wasm ${version_wasm} beside one copy of @tensorflow/tfjs-core of the same version`,
    fix: 'Install the versions this package names, and only one copy of tfjs-core (npm ls @tensorflow/tfjs-core).',
  });
}

function handle(engine: WasmEngine, choice: KernelChoice): Backend {
  const { account, backend } = engine;
  const simd = engine.build === 'relaxed' ? 'SIMD with fused multiply-add' : 'SIMD';
  const kernels = choice === 'own' ? `nlakit kernels (${simd})` : 'kernels as shipped';
  return {
    name: 'wasm',
    // Without the threads: they change no bits, and a run that goes on with another number of them goes on on the same engine.
    description: `tfjs-backend-wasm ${version_wasm}, ${kernels}, Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? process.arch}`,
    capabilities: {
      kernels: choice === 'own' ? domainKernelNames : [],
      multiply: ['f32'],
      maxTensorBytes: Math.min(account.maxHeapBytes, 2 ** 31 - 1),
      deviceBytes: Math.min(account.maxHeapBytes, heapCeiling),
      synchronousRead: true,
    },
    memory: () => ({
      liveBytes: account.liveBytes - engine.scratchBytes,
      peakBytes: account.peakBytes - engine.scratchBytes,
      tensors: tf.memory().numTensors,
    }),
    selfTest: () => selfTest(1 + (engine.helpers?.count ?? 0)),
    dispose: () => {
      dismissHelpers(engine);
      stopTfjs(backend);
      return Promise.resolve();
    },
  };
}

/** Ends the backend and frees its heap. It can be started again; tensors that are still alive are lost, and disposing them does nothing. */
function stopTfjs(backend: BackendWasm): void {
  if (backend.wasm === null || tf.findBackend('wasm') !== backend) return;
  const factory = tf.findBackendFactory('wasm');
  tf.removeBackend('wasm');
  if (factory !== null) tf.registerBackend('wasm', factory, 2);
  backend.disposeData = () => true;
}
