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

/** Faster arithmetic that a backend uses only where one of its options says so. */
export interface OptionalArithmetic {
  /** What it is, in a few words: `products with NF4 weights in f16`. */
  readonly name: string;
  /** The options of the backend that turn it on, as a config states them. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /**
   * `native`: this machine has it. `emulated`: it has not; the options are taken, and slower than without them. `missing`: it has not, and
   * the options are refused or do without it. `unknown`: this cannot be told here.
   */
  readonly support: 'native' | 'emulated' | 'missing' | 'unknown';
  /** What of the machine it goes by, or what the machine lacks, in a few words. */
  readonly detail: string;
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
  /** Looks what this machine has of arithmetic that options turn on. Absent where a backend has no such options. */
  optionalArithmetic?(): Promise<readonly OptionalArithmetic[]>;
  dispose(): Promise<void>;
}
