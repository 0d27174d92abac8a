/** What a backend can do, declared so that nobody has to find out by failing. */
export interface BackendCapabilities {
  /** Names of the domain kernels (`Nla…`) registered for it. */
  readonly kernels: readonly string[];
  /** Number formats its matrix product can multiply in; sums are f32 always. */
  readonly multiply: readonly ('f32' | 'bf16' | 'f16')[];
  /** Largest single tensor, bytes. */
  readonly maxTensorBytes: number;
  /** Memory of the device or of its heap, bytes, where it is known. */
  readonly deviceBytes?: number;
  /** Whether `dataSync` works. Code that must run everywhere uses `await tensor.data()`. */
  readonly synchronousRead: boolean;
}

/** A compute engine: one tfjs backend, made ready and current. Its tensors are those of `@tensorflow/tfjs-core`. */
export interface Backend {
  /** The tfjs backend name (`wasm`). */
  readonly name: string;
  /** Engine, build and machine in one line, for `run.json`. */
  readonly description: string;
  readonly capabilities: BackendCapabilities;
  /** Bytes of live tensors, the highest value seen, and the number of live tensors. */
  memory(): { readonly liveBytes: number; readonly peakBytes: number; readonly tensors: number };
  /** Computes known answers and times one matrix product; a backend that fails it must not be used. */
  selfTest(): Promise<{ readonly ok: boolean; readonly gflops: number; readonly detail: string }>;
  dispose(): Promise<void>;
}
