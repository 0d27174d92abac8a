import { util } from '@tensorflow/tfjs-core';
import type { BackendValues } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { NlaError } from '@nlakit/core';
import type { DeviceWatch } from './device-watch.js';

/**
 * Replaces tfjs's reads. The asynchronous one looks for errors of the device before and after, reads the tensor and not the whole buffer,
 * and keeps no second copy of the values in host memory. The synchronous one, which tfjs does through a canvas that only browsers have,
 * says what to do instead. Also checks before each kernel, so that a loop that reads nothing stops, too.
 */
export function replaceReads(backend: WebGPUBackend, watch: DeviceWatch): void {
  const stockRead = backend.read.bind(backend);
  const stockRun = backend.runWebGPUProgram.bind(backend);

  backend.read = async (dataId: object): Promise<BackendValues> => {
    watch.check();
    const entry = backend.tensorMap.has(dataId) ? backend.tensorMap.get(dataId) : undefined;
    const buffer = entry?.values == null && entry?.dtype !== 'complex64' ? (entry?.resource as GPUBuffer | undefined) : undefined;
    const values =
      entry === undefined || buffer === undefined
        ? await stockRead(dataId)
        : util.convertBackendValuesAndArrayBuffer(await readBuffer(backend, buffer, 4 * util.sizeFromShape(entry.shape)), entry.dtype);
    watch.check();
    return values;
  };

  backend.readSync = (dataId: object): BackendValues => {
    const { values } = backend.tensorMap.get(dataId);
    if (values != null) return values;
    throw new NlaError('E_BACKEND_SYNCHRONOUS_READ', {
      message: 'The webgpu backend cannot wait for the GPU within a call.',
      found: 'dataSync() or arraySync() of a tensor on the GPU',
      expected: 'await tensor.data()',
      fix: 'Read asynchronously, or use a backend whose capabilities have synchronousRead.',
    });
  };

  backend.runWebGPUProgram = (...call) => {
    watch.check();
    return stockRun(...call);
  };
}

async function readBuffer(backend: WebGPUBackend, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const staging = backend.bufferManager.acquireBuffer(bytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  backend.endComputePassEncoder();
  backend.ensureCommandEncoderReady();
  encoderOf(backend).copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  backend.submitQueue();
  await staging.mapAsync(GPUMapMode.READ, 0, bytes);
  const values = staging.getMappedRange(0, bytes).slice(0);
  staging.unmap();
  backend.bufferManager.releaseBuffer(staging);
  return values;
}

function encoderOf(backend: WebGPUBackend): GPUCommandEncoder {
  return (backend as unknown as { commandEncoder: GPUCommandEncoder }).commandEncoder;
}
