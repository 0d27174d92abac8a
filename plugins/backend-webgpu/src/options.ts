import { z } from 'zod';

/** Schema of the `options` of this backend in a config. */
export const optionsSchema = z.strictObject({
  /** Which GPU to prefer where there are two. */
  powerPreference: z.enum(['high-performance', 'low-power']).default('high-performance'),
  /** Whether a driver that computes on the CPU will do. Such a one is good for tests and slower than `wasm`. */
  allowSoftware: z.boolean().default(false),
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
