import { z } from 'zod';

/** Schema of the `options` of this backend in a config. */
export const optionsSchema = z.strictObject({
  /** Folder of an installation, in place of the newest one that `nla backend install tensorflow` made. */
  installation: z.string().min(1).optional(),
  /**
   * What products with the frozen base multiply in; sums are f32 always. `bf16` is for processors and cards that
   * have it (AVX512-BF16, AMX, CUDA from Ampere on); elsewhere it is emulated, and slower.
   */
  multiply: z.enum(['f32', 'bf16']).default('f32'),
  /** Threads of TensorFlow and of our kernels. Default: one per core. */
  threads: z.number().int().positive().max(1024).optional(),
  /** `own`: our operations on a CPU, compositions of TensorFlow's on a GPU. `stock`: TensorFlow's own everywhere. */
  kernels: z.enum(['own', 'stock']).default('own'),
});

/** Options of `createTensorflowBackend`. */
export type TensorflowBackendOptions = z.infer<typeof optionsSchema>;
