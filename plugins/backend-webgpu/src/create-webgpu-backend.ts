import { selfTest } from '@nlakit/ops';
import * as tf from '@tensorflow/tfjs-core';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { Backend } from '@nlakit/core';
import { replaceReads } from './asynchronous-reads.js';
import { keepBufferAccount } from './buffer-account.js';
import type { BufferManager } from './buffer-account.js';
import { watchDevice } from './device-watch.js';
import { hoistEnables } from './hoist-enables.js';
import { loadDawn, withNavigatorGpu } from './load-dawn.js';
import { optionalArithmetic } from './optional-arithmetic.js';
import { optionsSchema } from './options.js';
import type { WebgpuBackendOptions } from './options.js';
import { domainKernelNames, registerKernels } from './register-kernels.js';
import { requestDevice, requireHalf } from './request-device.js';
import { settleMatrixUnit } from './settle-matrix-unit.js';
import { attachEngine, findEngine } from './webgpu-engine.js';
import type { WebgpuEngine } from './webgpu-engine.js';

const name = 'webgpu';

/**
 * Makes the tfjs backend `webgpu` ready and current, on a device of its own, with limits, errors and kernels of ours. A process has one:
 * called again it returns another handle on the same, with the memory limits and the `multiply` of the last call; {@link Backend.dispose} of any handle ends
 * it for all. Throws `E_BACKEND_UNAVAILABLE` with the reason if the package `webgpu`, a driver or a GPU is missing, or what `multiply`
 * asks for.
 *
 * @param folder where to look for the package `webgpu`, too, if it is not installed beside this one
 */
export async function createWebgpuBackend(options: Partial<WebgpuBackendOptions> = {}, folder?: string): Promise<Backend> {
  const complete = optionsSchema.parse(options);
  const present = tf.findBackend(name);
  const engine = (present === undefined || present === null ? undefined : findEngine(present)) ?? (await start(complete, folder));
  if (complete.multiply === 'f16') requireHalf(engine.backend.device.features, engine.description);
  engine.multiply = complete.multiply;
  engine.account.limits.maxBytes = complete.maxBytes ?? Infinity;
  engine.account.limits.poolBytes = complete.poolBytes;
  registerKernels();
  await tf.setBackend(name);
  if (complete.multiply === 'f16') await settleMatrixUnit(engine);
  return handle(engine, complete, folder);
}

async function start(options: WebgpuBackendOptions, folder: string | undefined): Promise<WebgpuEngine> {
  const { gpu, version } = await loadDawn(folder, options.multiply === 'f16');
  const { device, info, description, offeredUnit } = await requestDevice(gpu, options);
  hoistEnables(device);
  tf.env().set('PROD', true);
  const backend = withNavigatorGpu(gpu, () => new WebGPUBackend(device, info));
  // By default tfjs computes small tensors on the CPU as long as they are there: another engine, and reads that work now and then.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  const watch = watchDevice(device);
  const flush = (): void => {
    if ((backend as unknown as { commandEncoder: GPUCommandEncoder | null }).commandEncoder === null) return;
    backend.endComputePassEncoder();
    backend.submitQueue();
  };
  const account = keepBufferAccount(
    backend.bufferManager as unknown as BufferManager,
    {
      maxBufferBytes: Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize),
      maxBytes: Infinity,
      poolBytes: options.poolBytes,
    },
    flush,
  );
  replaceReads(backend, watch);
  if (tf.findBackendFactory(name) !== null) tf.removeBackend(name);
  tf.registerBackend(name, () => backend, 3);
  return attachEngine({
    backend,
    account,
    watch,
    multiply: options.multiply,
    offeredUnit,
    description: `tfjs-backend-webgpu ${tf.version_core}, Dawn (webgpu ${version}), nlakit kernels, Node ${process.versions.node}, ${description}`,
  });
}

function handle(engine: WebgpuEngine, options: WebgpuBackendOptions, folder: string | undefined): Backend {
  const { maxBytes, multiply } = options;
  const { account, backend, description } = engine;
  return {
    name,
    description: multiply === 'f16' ? `${description}, ${halfProducts(engine)}` : description,
    capabilities: {
      kernels: domainKernelNames,
      multiply: multiply === 'f16' ? ['f32', 'f16'] : ['f32'],
      maxTensorBytes: account.limits.maxBufferBytes,
      ...(maxBytes === undefined ? {} : { deviceBytes: maxBytes }),
      synchronousRead: false,
    },
    memory() {
      const { numBytes, numTensors } = tf.memory();
      return { liveBytes: numBytes, peakBytes: Math.max(account.peakBytes, numBytes), tensors: numTensors };
    },
    selfTest,
    optionalArithmetic: () => optionalArithmetic(options.powerPreference, folder),
    dispose: () => {
      stop(backend);
      return Promise.resolve();
    },
  };
}

function halfProducts({ matrixUnit, matrixRefusal = '' }: WebgpuEngine): string {
  if (matrixUnit === undefined) return `NF4 products in f16 without subgroup matrices (${matrixRefusal})`;
  return `NF4 products in f16 by subgroup matrices (${matrixUnit.m}x${matrixUnit.n}x${matrixUnit.k})`;
}

/** Ends the backend and its device. It can be started again; tensors that are still alive are lost, and disposing them does nothing. */
function stop(backend: WebGPUBackend): void {
  if (tf.findBackend(name) !== backend) return;
  tf.removeBackend(name);
  backend.disposeData = () => true;
  backend.device.destroy();
}
