import { NlaError } from '@nlakit/core';

/** The part of the Emscripten module of tfjs-backend-wasm that allocates. */
export interface HeapModule {
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}

/** The largest heap tfjs-backend-wasm can grow to, bytes (its getHeapMax). */
export const heapCeiling = 4_294_901_760;

/**
 * Left free below {@link heapCeiling} by default, bytes: kernels of tfjs allocate temporaries inside the module, where nothing can be
 * checked, and the allocator itself fragments.
 */
const reserve = 128 * 1024 * 1024;

/** The default of `maxHeapBytes`. */
export const defaultMaxHeapBytes = heapCeiling - reserve;

/** Counts what is allocated on the heap and refuses what does not fit. */
export interface HeapAccount {
  readonly liveBytes: number;
  readonly peakBytes: number;
  maxHeapBytes: number;
}

/**
 * Puts an account in front of `module._malloc` and `module._free`. tfjs-backend-wasm does not check the answer of malloc: when the heap
 * is full it writes tensors over each other. From now on an allocation that would pass `maxHeapBytes`, or that malloc cannot serve,
 * throws `E_BACKEND_MEMORY` and changes nothing.
 */
export function keepHeapAccount(module: HeapModule, maxHeapBytes: number): HeapAccount {
  // Emscripten's functions replace themselves on the module at their first call, which would also replace ours.
  module._free(module._malloc(1));
  const allocate = module._malloc.bind(module);
  const release = module._free.bind(module);
  const sizes = new Map<number, number>();
  const account = { liveBytes: 0, peakBytes: 0, maxHeapBytes };
  module._malloc = (bytes) => {
    if (!(account.liveBytes + bytes <= account.maxHeapBytes)) throw exhausted(bytes, account);
    const pointer = allocate(bytes) >>> 0;
    if (pointer === 0) throw exhausted(bytes, account);
    sizes.set(pointer, bytes);
    account.liveBytes += bytes;
    if (account.liveBytes > account.peakBytes) account.peakBytes = account.liveBytes;
    return pointer;
  };
  module._free = (pointer) => {
    const key = pointer >>> 0;
    account.liveBytes -= sizes.get(key) ?? 0;
    sizes.delete(key);
    release(pointer);
  };
  return account;
}

function exhausted(bytes: number, account: HeapAccount): NlaError {
  return new NlaError('E_BACKEND_MEMORY', {
    message: 'The heap of the wasm backend has no room for another tensor.',
    found: `${account.liveBytes} bytes live and ${bytes} more asked for`,
    expected: `at most ${account.maxHeapBytes} bytes (the heap cannot pass 4 GiB)`,
    fix: 'Use a smaller batch or shorter texts, checkpoint activations, quantize the base to NF4, or use a backend with more memory.',
  });
}
