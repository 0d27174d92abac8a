import { open, stat } from 'node:fs/promises';
import type { AsyncBuffer } from 'hyparquet';

/** Random access to a file, each range read into an array of its own. Errors are the file system's. */
export async function fileBuffer(file: string): Promise<AsyncBuffer> {
  const { size } = await stat(file);
  return {
    byteLength: size,
    slice(start, end = size) {
      const reading = readRange(file, start, Math.max(0, Math.min(end, size) - start));
      // The reader asks for several ranges and stops at the first that is wrong; the others' errors are nobody's then.
      reading.catch(() => undefined);
      return reading;
    },
  };
}

async function readRange(file: string, start: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const handle = await open(file, 'r');
  try {
    let at = 0;
    while (at < length) {
      const { bytesRead } = await handle.read(bytes, at, length - at, start + at);
      if (bytesRead === 0) throw new Error(`the file ends at byte ${start + at}`);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return bytes.buffer;
}
