import { open, type FileHandle } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import { decodeBf16, decodeF16 } from './half-floats.js';
import { headerLength, parseHeader, type SafetensorsHeader, type TensorInfo } from './header.js';
import type { SafetensorsFile } from './safetensors-file.js';

const bytesPerFloat: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2 };
const largestRead = 1 << 30;

/**
 * Opens a file, reads and checks its header, and reads tensors on demand; the handle stays open until `close`. Ranges may be read
 * concurrently. Values are taken from memory as they lie, so the machine must be little-endian, as all that Node runs on today are
 * but s390x.
 *
 * Throws `E_SAFETENSORS_OPEN`, `E_SAFETENSORS_READ` and the errors of {@link parseHeader}, all naming the path.
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    throw cannotOpen(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw cannotOpen(file, status.isDirectory() ? 'a folder' : 'not a regular file');
    const prefix = await readRange(handle, file, 0, Math.min(8, status.size));
    const length = headerLength(prefix, status.size, file);
    const header = parseHeader(await readRange(handle, file, 0, 8 + length), status.size, file);
    return reader(handle, file, header);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function reader(handle: FileHandle, file: string, header: SafetensorsHeader): SafetensorsFile {
  const { tensors, metadata, dataStart } = header;
  const infoOf = (name: string): TensorInfo => {
    const info = tensors.get(name);
    if (info !== undefined) return info;
    throw new NlaError('E_SAFETENSORS_TENSOR_NOT_FOUND', {
      message: 'The file has no tensor of that name.',
      found: `${tensors.size} others`,
      expected: JSON.stringify(name),
      file,
      kind: 'input',
    });
  };
  const range = (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => readRange(handle, file, dataStart + begin, end - begin);
  const floats = async (name: string, info: TensorInfo, begin: number, end: number): Promise<Float32Array> => {
    if (bytesPerFloat[info.dtype] === undefined) {
      throw new NlaError('E_SAFETENSORS_DTYPE', {
        message: `Tensor ${JSON.stringify(name)} cannot be read as float32.`,
        found: info.dtype,
        expected: 'F32, BF16 or F16',
        file,
        kind: 'input',
      });
    }
    const { buffer } = await range(begin, end);
    if (info.dtype === 'F32') return new Float32Array(buffer);
    return info.dtype === 'BF16' ? decodeBf16(new Uint16Array(buffer)) : decodeF16(new Uint16Array(buffer));
  };
  return {
    tensors,
    metadata,
    has: (name) => tensors.has(name),
    names: () => tensors.keys(),
    async bytes(name) {
      const { dtype, shape, begin, end } = infoOf(name);
      return { dtype, shape, data: await range(begin, end) };
    },
    async *stream(name, pieceBytes = 16 * 2 ** 20) {
      const { begin, end } = infoOf(name);
      for (let at = begin; at < end; at += pieceBytes) yield await range(at, Math.min(end, at + pieceBytes));
    },
    async float32(name) {
      const info = infoOf(name);
      return floats(name, info, info.begin, info.end);
    },
    async rows(name, start, count) {
      const info = infoOf(name);
      const total = info.shape[0] ?? 0;
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(count) || start < 0 || count < 0 || start + count > total) {
        throw new NlaError('E_SAFETENSORS_RANGE', {
          message: `Tensor ${JSON.stringify(name)} has no such rows.`,
          found: `rows ${start} to ${start + count}`,
          expected: `within 0 to ${total}`,
          file,
        });
      }
      const rowBytes = total === 0 ? 0 : (info.end - info.begin) / total;
      return floats(name, info, info.begin + start * rowBytes, info.begin + (start + count) * rowBytes);
    },
    locate(name) {
      const { begin, end } = infoOf(name);
      return { file, position: dataStart + begin, bytes: end - begin };
    },
    close: () => handle.close(),
  };
}

async function readRange(handle: FileHandle, file: string, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(length - at, largestRead), position + at);
      if (bytesRead === 0) throw new Error(`the file ended at byte ${position + at}; it was cut off while being read`);
      at += bytesRead;
    }
    return bytes;
  } catch (cause) {
    throw new NlaError('E_SAFETENSORS_READ', {
      message: 'The file could not be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      expected: `${length} bytes from byte ${position}`,
      file,
      kind: 'failure',
      cause,
    });
  }
}

function cannotOpen(file: string, found: string, cause?: unknown): NlaError {
  return new NlaError('E_SAFETENSORS_OPEN', {
    message: 'The file could not be opened.',
    found,
    expected: 'a readable safetensors file',
    file,
    kind: 'input',
    ...(cause === undefined ? {} : { cause }),
  });
}
