/** What an operation of TensorFlow returns: a handle by id, with its shape and its dtype as a number of the C interface. */
export interface RawTensor {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** An attribute of an operation, typed by one of the binding's `TF_ATTR_…` constants. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

/** The native module of tfjs-node: one eager context of TensorFlow, tensors as ids. Ids are freed by {@link TfjsBinding.deleteTensor} only. */
export interface TfjsBinding {
  /** Version of the library. */
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array | Uint8Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): RawTensor[];
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
}

/** Numbers of dtypes that the binding has no constant for (TensorFlow's `TF_DataType`). */
export const BFLOAT16 = 14;

/** What our native module offers besides {@link TfjsBinding}: our kernels on its tensors, and functions on host arrays. */
export interface NlakitAddon {
  /** Names of the kernels; {@link compute} knows them by their place here. */
  kernels(): string[];
  /**
   * Runs the kernel of that number in {@link kernels}. `exchange` begins with so many integers and, behind them, so many tensors; in their
   * place stands afterwards how many outputs there are, and for each its tensor, dtype, rank and shape.
   */
  compute(kernel: number, number: number, integers: number, tensors: number, exchange: Int32Array): void;
  /**
   * One AdamW step of several parameters, in place; `sums` receives the sum of the squared changes of each. `arrays`: p, g and moments of each,
   * one parameter after the other, moments being m and v, or codes of both and largest values of both. `keeps`: a factor of each.
   * `factors`: beta1, beta2, epsilon, step size, correction of the root. `books`: values, midpoints and buckets of the signed map and of the
   * unsigned one; none where there are no codes.
   */
  adamw(
    arrays: readonly (Float32Array | Uint8Array)[],
    keeps: Float64Array,
    sums: Float64Array,
    factors: Float64Array,
    blockSize: number,
    floor: boolean,
    books: readonly (Float32Array | Uint8Array)[],
  ): void;
  /** What `sumOfSquares` of @nlakit/optim returns. */
  sumOfSquares(values: Float32Array): number;
  /** Multiplies every value in place, in f64. */
  scale(values: Float32Array, factor: number): void;
  /** Writes the values of an f32 tensor in this process's memory over those of `target`, which is as long, or adds them. */
  readTensor(id: number, target: Float32Array, add: boolean): void;
  /** A new f32 tensor with a copy of the values; returns its id. */
  writeTensor(values: Float32Array, shape: Int32Array): number;
  setThreads(count: number): number;
  /** Gives memory that is kept for reuse back to the system. */
  trim(): void;
}
