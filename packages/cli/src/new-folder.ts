import { mkdir, readdir } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import { writeError } from '@nlakit/safetensors';

/** Makes the folder, or takes an empty one. Throws as {@link refuseFilledFolder}. */
export async function makeNewFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  await refuseFilledFolder(folder);
}

/** Throws `E_FILE_EXISTS` if something lies in the folder; one that does not exist is fine. */
export async function refuseFilledFolder(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw writeError(folder, cause);
  }
  if (names.length === 0) return;
  throw new NlaError('E_FILE_EXISTS', {
    message: 'This folder is not empty, and nothing is overwritten.',
    file: folder,
    found: names.slice(0, 5).join(', '),
    fix: 'Choose another folder.',
    kind: 'input',
  });
}
