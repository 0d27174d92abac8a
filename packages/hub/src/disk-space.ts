import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { NlaError } from '@nlakit/core';

/** Room that should be left, in bytes. */
const reserve = 64 * 2 ** 20;

/** Bytes that can still be written below a folder that need not exist yet; nothing where the system does not say. */
export async function freeDiskBytes(folder: string): Promise<number | undefined> {
  for (let place = path.resolve(folder); ; place = path.dirname(place)) {
    try {
      const { bavail, bsize } = await statfs(place);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path.dirname(place) === place) return undefined;
    }
  }
}

/** Checks that a download fits before it begins. Throws `E_HUB_DISK`. */
export function checkDiskSpace(folder: string, neededBytes: number, freeBytes: number | undefined): void {
  if (neededBytes === 0 || freeBytes === undefined || freeBytes >= neededBytes + reserve) return;
  throw new NlaError('E_HUB_DISK', {
    message: 'The disk has not enough room for this download.',
    file: folder,
    found: `${megabytes(freeBytes)} free`,
    expected: `${megabytes(neededBytes)}, and some room besides`,
    fix: 'Free some space, or set HF_HUB_CACHE to a folder on a larger disk.',
    kind: 'input',
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
