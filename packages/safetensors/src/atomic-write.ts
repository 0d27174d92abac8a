import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { isNlaError, NlaError } from '@nlakit/core';

/** Data to be written, whole or in pieces. */
export type WriteSource = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on the disk, or choose another output folder.',
  EDQUOT: 'The disk quota is used up: free space, or choose another output folder.',
  EACCES: 'Give yourself write permission on the folder, or choose another one.',
  EPERM: 'Give yourself write permission on the folder, or choose another one.',
  EROFS: 'The file system is read-only: choose another output folder.',
  ENOENT: 'Create the folder first.',
  ENOTDIR: 'A part of the path is a file: choose another path.',
  EEXIST: 'A file has that name: remove it or choose another name.',
  EISDIR: 'A folder has that name: remove it or choose another name.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
  ENAMETOOLONG: 'Choose a shorter name.',
};

/**
 * Writes a file so that a reader sees the old content or the new one, never a part, also after a crash or power cut: a temporary
 * file in the same folder, fsync, rename, fsync of the folder. Returns the bytes written.
 *
 * Throws `E_WRITE` with the path and the system's error as its cause; the temporary file is removed. Errors that `source` itself
 * raises pass through unchanged if they are an `NlaError`.
 */
export async function atomicWriteFile(file: string, source: WriteSource): Promise<number> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.${path.basename(file)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  let created = false;
  let written = 0;
  try {
    const handle = await open(temporary, 'wx');
    created = true;
    try {
      for await (const piece of piecesOf(source)) {
        let at = 0;
        while (at < piece.byteLength) {
          const { bytesWritten } = await handle.write(piece, at, Math.min(piece.byteLength - at, 1 << 30));
          at += bytesWritten;
        }
        written += piece.byteLength;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    created = false;
    await fsyncFolder(folder);
    return written;
  } catch (cause) {
    // The first error is the one to report; a leftover temporary file is the lesser evil.
    if (created) await unlink(temporary).catch(() => undefined);
    throw writeError(file, cause);
  }
}

/**
 * Makes renames and creations in a folder durable. Does nothing on Windows, where a folder cannot be opened and the file system
 * orders its own metadata. Throws `E_WRITE`.
 */
export async function fsyncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** The `E_WRITE` error for a path that could not be written, with the system's code and what to do about it. */
export function writeError(file: string, cause: unknown): NlaError {
  if (isNlaError(cause)) return cause;
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  const fix = code === undefined ? undefined : reasons[code];
  return new NlaError('E_WRITE', {
    message: 'The file could not be written.',
    file,
    found: cause instanceof Error ? cause.message : String(cause),
    kind: 'failure',
    cause,
    ...(fix === undefined ? {} : { fix }),
  });
}

async function* piecesOf(source: WriteSource): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') yield Buffer.from(source, 'utf8');
  else if (source instanceof Uint8Array) yield source;
  else yield* source;
}
