import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { NlaError } from '@nlakit/core';

/** A file of a source. */
export interface SourceFile {
  readonly file: string;
  /** Path within the source, with `/`; the name of the file where the source is one file. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * The file itself, or the files below a folder whose names end in one of `endings`, in the order of their paths by code unit, which is
 * the same on every machine. Hidden files and folders are left out. Throws `E_CORPUS_MISSING`.
 */
export async function listFiles(place: string, endings: readonly string[]): Promise<SourceFile[]> {
  const found = await stat(place).catch(() => undefined);
  if (found?.isFile() === true) return [{ file: place, path: basename(place), bytes: found.size }];
  const entries = found === undefined ? [] : await readdir(place, { recursive: true });
  const paths = entries
    .map((entry) => relative(place, join(place, entry)).split(sep).join('/'))
    .filter((path) => endings.some((ending) => path.toLowerCase().endsWith(ending)) && !path.split('/').some((one) => one.startsWith('.')))
    .sort((one, other) => (one < other ? -1 : 1));
  const files: SourceFile[] = [];
  for (const path of paths) {
    const file = join(place, path);
    const status = await stat(file);
    if (status.isFile()) files.push({ file, path, bytes: status.size });
  }
  if (files.length > 0) return files;
  throw new NlaError('E_CORPUS_MISSING', {
    message: 'A source of the corpus has no documents.',
    found: found === undefined ? 'no file or folder of that name' : 'a folder without such files',
    expected: `files that end in ${endings.join(', ')}`,
    fix: 'Check the path in `sources`; relative ones start at the folder of the config.',
    file: place,
    kind: 'input',
  });
}

const edge = 64 * 1024;

/**
 * A hash of paths, sizes, and the first and last 64 KiB of every file: all of a small file, and enough of a large one to tell a copy from
 * another corpus without reading it twice.
 */
export async function identifyFiles(files: readonly SourceFile[]): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(edge);
  for (const { file, path, bytes } of files) {
    hash.update(`${path}\n${bytes}\n`);
    const handle = await open(file, 'r');
    try {
      for (const start of bytes <= edge ? [0] : [0, Math.max(edge, bytes - edge)]) {
        const { bytesRead } = await handle.read(buffer, 0, edge, start);
        hash.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
