import { randomUUID } from 'node:crypto';
import { copyFile, link, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { writeError } from '@nlakit/safetensors';
import { fileBytes } from './cache-layout.js';
import { makeFolder } from './make-folder.js';

/**
 * Makes a blob visible in a snapshot: a relative symbolic link, as the Python tools make it, so that the cache can be moved; where the
 * system has none (Windows without developer mode) a hard link, else a copy. What is there already is left if it is the blob. Throws
 * `E_WRITE`.
 */
export async function placeFile(blob: string, file: string, symlinks: boolean): Promise<void> {
  if (await isSameFile(blob, file)) return;
  await makeFolder(path.dirname(file));
  const draft = `${file}.${randomUUID().slice(0, 8)}.incomplete`;
  const ways = [
    ...(symlinks ? [() => symlink(path.relative(path.dirname(file), blob), draft, 'file')] : []),
    () => link(blob, draft),
    () => copyFile(blob, draft),
  ];
  let problem: unknown;
  for (const way of ways) {
    try {
      await way();
      await rename(draft, file);
      return;
    } catch (error) {
      problem = error;
      await rm(draft, { force: true });
    }
  }
  throw writeError(file, problem);
}

async function isSameFile(blob: string, file: string): Promise<boolean> {
  const [wanted, found] = await Promise.all([realpath(blob), realpath(file).catch(() => undefined)]);
  if (found === undefined) return false;
  // A copy or hard link of earlier: the size tells it from a file that was cut off.
  return found === wanted || (found === path.resolve(file) && (await fileBytes(file)) === (await fileBytes(blob)));
}
