import { z } from 'zod';

/** Schema of the `options` of this backend in a config. */
export const optionsSchema = z.strictObject({
  /** Which GPU to prefer where there are two. */
  powerPreference: z.enum(['high-performance', 'low-power']).default('high-performance'),
  /** Whether a driver that computes on the CPU will do. Such a one is good for tests and slower than `wasm`. */
  allowSoftware: z.boolean().default(false),
  /**
   * What products with the frozen base, when it is packed as NF4, multiply in; sums are f32 always. `f16` is for GPUs that have it
   * (`shader-f16`). Products of at most 8 rows, as in generation, are f32 always: they wait for the weights.
   */
  multiply: z.enum(['f32', 'f16']).default('f32'),
  /** Most bytes of GPU buffers, the pool of freed ones included; unlimited (what the driver has) if left out. */
  maxBytes: z.number().int().positive().optional(),
  /** Most bytes of freed buffers that are kept for reuse; 512 MiB if left out. */
  poolBytes: z
    .number()
    .int()
    .min(0)
    .default(512 * 2 ** 20),
});

/** Options of `createWebgpuBackend`. */
export type WebgpuBackendOptions = z.infer<typeof optionsSchema>;
