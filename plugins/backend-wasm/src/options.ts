import { z } from 'zod';
import { heapCeiling } from './heap-account.js';

/** Schema of the `options` of this backend in a config. */
export const optionsSchema = z.strictObject({
  /** Most bytes that may be allocated on the heap; default 4 GiB less a reserve of 128 MiB for temporaries inside tfjs. */
  maxHeapBytes: z.number().int().positive().max(heapCeiling).optional(),
  /** `auto`: the build with fused multiply-add where the JavaScript engine has it. `off`: the plain build, the same bits on every machine. */
  relaxedSimd: z.enum(['auto', 'off']).default('auto'),
  /**
   * Threads that products, attention, gated units and the loss run on, the main one included; the bits do not depend on it. More than one needs a
   * heap that threads can share, so the first backend of a process decides between one and more. It pays on idle processors only.
   */
  threads: z.number().int().min(1).max(16).default(1),
  /**
   * `stock`: compute as tfjs-backend-wasm does by itself, to measure against it. Of ours there is only what it lacks and training needs, and the
   * account of the heap; operations of ours are composed of those of tfjs, `relaxedSimd` and `threads` say nothing.
   */
  kernels: z.enum(['own', 'stock']).default('own'),
});

/** Options of `createWasmBackend`. */
export type WasmBackendOptions = z.infer<typeof optionsSchema>;
