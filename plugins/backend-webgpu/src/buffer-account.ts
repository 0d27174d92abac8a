import { NlaError } from '@nlakit/core';

/** The part of tfjs's buffer manager that the account works on. */
export interface BufferManager {
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
  readonly freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesUsed: number;
  numBytesAllocated: number;
}

/** Limits of {@link keepBufferAccount}; all can be changed later. */
export interface BufferLimits {
  /** Largest buffer that a kernel can see. */
  readonly maxBufferBytes: number;
  /** Most bytes on the device, freed buffers in the pool included. */
  maxBytes: number;
  /** Most bytes of freed buffers that are kept. */
  poolBytes: number;
}

/** What the account knows. */
export interface BufferAccount {
  readonly limits: BufferLimits;
  /** Bytes on the device: in use, and in the pool. */
  readonly allocatedBytes: number;
  /** The highest value of {@link allocatedBytes}. */
  readonly peakBytes: number;
  /** Destroys freed buffers until at most that many bytes of them are left. */
  trim(keepBytes: number): void;
}

/** Steps between one power of two and the next: at most 1/16 of a buffer is beyond its tensor. */
const STEPS_PER_DOUBLING = 16;
const SMALLEST = 64;

/**
 * The size a buffer is given for a tensor. tfjs keeps freed buffers by exact size, so sequences of ever new lengths would never find one
 * again and the pool would only grow; with few sizes they share.
 */
export function bucketBytes(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
  const step = Math.max(16, 2 ** Math.floor(Math.log2(bytes)) / STEPS_PER_DOUBLING);
  return Math.ceil(bytes / step) * step;
}

/**
 * Puts limits on tfjs's buffer manager, which has none: a tensor beyond what the device can bind would not fail, it would compute with
 * whatever is in memory. Throws `E_BACKEND_MEMORY` before anything is allocated.
 *
 * @param flush submits the recorded commands, upon which tfjs frees the buffers of tensors that were disposed since
 */
export function keepBufferAccount(manager: BufferManager, limits: BufferLimits, flush: () => void): BufferAccount {
  const acquire = manager.acquireBuffer.bind(manager);
  const release = manager.releaseBuffer.bind(manager);
  let peakBytes = 0;

  const trim = (keepBytes: number): void => {
    for (const buffers of manager.freeBuffers.values()) {
      while (buffers.length > 0 && manager.numBytesAllocated - manager.numBytesUsed > keepBytes) {
        const buffer = buffers.shift();
        if (buffer === undefined) break;
        manager.numBytesAllocated -= buffer.size;
        manager.numFreeBuffers -= 1;
        buffer.destroy();
      }
    }
  };

  manager.acquireBuffer = (size, usage, mappedAtCreation, reuse) => {
    // Not `size > max`: tfjs makes sizes of NaN out of shapes it did not expect.
    if (!(size <= limits.maxBufferBytes)) throw tooLarge(size, limits.maxBufferBytes);
    const bytes = Math.min(bucketBytes(size), limits.maxBufferBytes);
    const key = `${bytes}_${usage}`;
    const waiting = manager.freeBuffers.get(key);
    const isThere = reuse !== false && (waiting?.length ?? 0) > 0;
    if (!isThere && manager.numBytesAllocated + bytes > limits.maxBytes) {
      flush();
      trim(Math.max(0, limits.maxBytes - bytes - manager.numBytesUsed));
      if (manager.numBytesAllocated + bytes > limits.maxBytes) throw full(bytes, manager.numBytesUsed, limits.maxBytes);
    }
    // Most recently used sizes last, so that those nobody asks for any more are trimmed first.
    if (waiting !== undefined) {
      manager.freeBuffers.delete(key);
      manager.freeBuffers.set(key, waiting);
    }
    const buffer = acquire(bytes, usage, mappedAtCreation, reuse);
    peakBytes = Math.max(peakBytes, manager.numBytesAllocated);
    return buffer;
  };
  manager.releaseBuffer = (buffer, reuse) => {
    release(buffer, reuse);
    trim(limits.poolBytes);
  };

  return {
    limits,
    get allocatedBytes() {
      return manager.numBytesAllocated;
    },
    get peakBytes() {
      return peakBytes;
    },
    trim,
  };
}

function tooLarge(size: number, max: number): NlaError {
  return new NlaError('E_BACKEND_MEMORY', {
    message: 'A tensor is larger than this GPU can bind to a kernel.',
    found: `${size} bytes`,
    expected: `at most ${max} bytes (maxStorageBufferBindingSize of the device)`,
    fix: 'Lower the batch size or the length, or the chunk of rows and vocabulary that is worked on at a time.',
  });
}

function full(size: number, used: number, max: number): NlaError {
  return new NlaError('E_BACKEND_MEMORY', {
    message: 'The memory allowed on the GPU is full.',
    found: `${size} bytes asked for beside ${used} bytes in use`,
    expected: `at most ${max} bytes (option maxBytes)`,
    fix: 'Raise maxBytes if the GPU has more, lower the batch size, or let activations be computed again (checkpointActivations).',
  });
}
