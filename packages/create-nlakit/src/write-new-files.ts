import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { ProjectFiles } from './template-file.js';

/**
 * Writes files into a folder, which is made if it is not there. Nothing is overwritten: if one of them lies there already, none is written.
 * Returns their paths. Throws `E_FILE_EXISTS` and `E_WRITE`.
 *
 * @param fix what to do if a file is there already
 */
export async function writeNewFiles(folder: string, files: ProjectFiles, fix: string): Promise<string[]> {
  const paths = Object.keys(files).map((file) => join(folder, file));
  for (const file of paths) {
    if (
      !(await access(file).then(
        () => true,
        () => false,
      ))
    )
      continue;
    throw new NlaError('E_FILE_EXISTS', { message: 'This file is there already, and nothing is overwritten.', file, fix, kind: 'input' });
  }
  try {
    for (const [file, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), content, { flag: 'wx' });
    }
  } catch (cause) {
    throw new NlaError('E_WRITE', {
      message: 'The files cannot be written.',
      file: folder,
      found: cause instanceof Error ? cause.message : String(cause),
      kind: 'input',
      cause,
    });
  }
  return paths;
}
