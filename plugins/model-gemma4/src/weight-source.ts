import { NlaError, type HostTensor, type RowSource, type StoredTensors } from '@nlakit/core';
import { decodeBf16, decodeF16, type SafetensorsFile } from '@nlakit/safetensors';

/** Where weights come from: a checkpoint on disk or arrays in memory. Shapes are those stored. */
export interface WeightSource {
  names(): Iterable<string>;
  /** Shape and stored dtype, or `undefined` if there is no such tensor. */
  info(name: string): { readonly shape: readonly number[]; readonly dtype: string } | undefined;
  /** All values as f32, row-major. */
  read(name: string): Promise<Float32Array>;
  /** Rows of a matrix as f32. */
  rows(name: string): RowSource;
  /** Single rows without waiting, for tables that stay off the backend. */
  rowReader(name: string): Promise<RowReader>;
  /** For quantizers that can take weights stored in their own layout. */
  readonly stored: StoredTensors;
}

/** Writes the f32 values of one row to `target` from `offset` on. */
export interface RowReader {
  read(row: number, target: Float32Array, offset: number): void;
  close?(): void;
}

/** A checkpoint opened by `@nlakit/safetensors`; the caller closes it. */
export function checkpointSource(file: SafetensorsFile): WeightSource {
  return {
    names: () => file.names(),
    info: (name) => file.tensors.get(name),
    read: (name) => file.float32(name),
    rows: (name) => ({ read: (start, count) => file.rows(name, start, count) }),
    async rowReader(name) {
      const { dtype, shape, data } = await file.bytes(name);
      const width = shape[1] ?? 1;
      const rowBytes = data.byteLength / (shape[0] ?? 1);
      return {
        read(row, target, offset) {
          const bytes = data.slice(row * rowBytes, (row + 1) * rowBytes);
          target.set(decodeFloats(dtype, bytes).subarray(0, width), offset);
        },
      };
    },
    stored: file,
  };
}

/** Arrays in memory by checkpoint name. */
export function arraySource(tensors: ReadonlyMap<string, HostTensor>): WeightSource {
  const tensor = (name: string): HostTensor => {
    const found = tensors.get(name);
    if (found === undefined) {
      throw new NlaError('E_MODEL_TENSOR', { message: 'There is no tensor of that name.', expected: JSON.stringify(name) });
    }
    return found;
  };
  return {
    names: () => tensors.keys(),
    info: (name) => {
      const found = tensors.get(name);
      return found && { shape: found.shape, dtype: 'F32' };
    },
    read: (name) => Promise.resolve(tensor(name).data),
    rows: (name) => ({
      read(start, count) {
        const { shape, data } = tensor(name);
        const width = data.length / (shape[0] ?? 1);
        return Promise.resolve(data.slice(start * width, (start + count) * width));
      },
    }),
    rowReader(name) {
      const { shape, data } = tensor(name);
      const width = data.length / (shape[0] ?? 1);
      return Promise.resolve({
        read: (row, target, offset) => target.set(data.subarray(row * width, (row + 1) * width), offset),
      });
    },
    stored: {
      has: (name) => tensors.has(name),
      names: () => tensors.keys(),
      bytes(name) {
        const { shape, data } = tensor(name);
        return Promise.resolve({ dtype: 'F32', shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
      },
    },
  };
}

/** Values of stored bytes that start at an even address. */
function decodeFloats(dtype: string, bytes: Uint8Array): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return dtype === 'BF16' ? decodeBf16(halves) : decodeF16(halves);
}
