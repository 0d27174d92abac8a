import { closeSync, openSync, readSync } from 'node:fs';
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
  /** Rows without waiting, for tables that stay off the backend. */
  rowReader(name: string): RowReader;
  /** For quantizers that can take weights stored in their own layout. */
  readonly stored: StoredTensors;
}

/** Reads rows synchronously, as the forward pass is; a row is a few kilobytes, which the operating system caches. */
export interface RowReader {
  /** Writes the f32 values of rows `[start, start + count)` to `target` from `offset` on. */
  read(start: number, count: number, target: Float32Array, offset: number): void;
  close(): void;
}

/** A checkpoint opened by `@nlakit/safetensors`. The caller closes it; row readers have handles of their own. */
export function checkpointSource(file: SafetensorsFile): WeightSource {
  return {
    names: () => file.names(),
    info: (name) => file.tensors.get(name),
    read: (name) => file.float32(name),
    rows(name) {
      const dtype = file.tensors.get(name)?.dtype;
      return { ...(dtype === undefined ? {} : { dtype }), read: (start, count) => file.rows(name, start, count) };
    },
    rowReader(name) {
      const { dtype, shape } = file.tensors.get(name) ?? { dtype: 'F32', shape: [1] };
      const { file: location, position, bytes } = file.locate(name);
      const rowBytes = bytes / (shape[0] ?? 1);
      const handle = openSync(location, 'r');
      return {
        read(start, count, target, offset) {
          const stored = new Uint8Array(count * rowBytes);
          let at = 0;
          while (at < stored.byteLength) {
            const read = readSync(handle, stored, at, stored.byteLength - at, position + start * rowBytes + at);
            if (read === 0) throw truncated(location, position + start * rowBytes + at);
            at += read;
          }
          target.set(decodeFloats(dtype, stored), offset);
        },
        close: () => closeSync(handle),
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
      return {
        read: (start, count, target, offset) => target.set(data.subarray(start * width, (start + count) * width), offset),
        close: () => {},
      };
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

/** Values of stored bytes that start their own buffer. */
function decodeFloats(dtype: string, bytes: Uint8Array): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  return dtype === 'BF16' ? decodeBf16(halves) : decodeF16(halves);
}

function truncated(file: string, position: number): NlaError {
  return new NlaError('E_SAFETENSORS_READ', {
    message: 'The file was cut off while it was in use.',
    file,
    found: `its end at byte ${position}`,
    fix: 'Restore the file and start again.',
  });
}
