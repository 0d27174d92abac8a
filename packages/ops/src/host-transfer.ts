import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/** Copies of values between a tfjs backend and host arrays that are there already, for a backend that makes them without a copy in between. */
export interface HostTransfer {
  /** Writes the values of an f32 tensor over those of `target`, or adds them. */
  read(tensor: Tensor, target: Float32Array, add: boolean): void;
  /** A new f32 tensor with these values, which remain the caller's. */
  write(values: Float32Array, shape: readonly number[]): Tensor;
}

const key = Symbol.for('nlakit.ops.host-transfer');

interface Transferring {
  [key]?: HostTransfer | undefined;
}

/** Lets {@link readValues} and {@link tensorOfCopy} use the backend's own way while that tfjs backend is current. */
export function offerHostTransfer(backend: object, transfer: HostTransfer): void {
  (backend as Transferring)[key] = transfer;
}

/** Writes the values of an f32 tensor over those of `target`, an array as long, or adds them, each sum rounded to f32. */
export async function readValues(tensor: Tensor, target: Float32Array, add = false): Promise<void> {
  const transfer = ofCurrentBackend();
  if (transfer !== undefined) {
    transfer.read(tensor, target, add);
    return;
  }
  const values = await tensor.data<'float32'>();
  if (add) for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + (values[at] ?? 0);
  else target.set(values);
}

/** A new f32 tensor with a copy of `values`, which may change afterwards. */
export function tensorOfCopy(values: Float32Array, shape: readonly number[]): Tensor {
  // A backend may keep the array it is given, and read it much later.
  return ofCurrentBackend()?.write(values, shape) ?? tf.tensor(values.slice(), [...shape], 'float32');
}

function ofCurrentBackend(): HostTransfer | undefined {
  return (tf.backend() as Transferring)[key];
}
