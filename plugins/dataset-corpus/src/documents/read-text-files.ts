import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import type { CorpusDocument } from './corpus-document.js';
import type { SourceFile } from './list-files.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** One document a file, without a byte order mark. Throws `E_CORPUS_FORMAT` for a file that is not UTF-8. */
export async function* readTextFiles(
  files: readonly SourceFile[],
  { source, family }: { readonly source: string; readonly family: string | undefined },
): AsyncGenerator<CorpusDocument> {
  for (const { file, path } of files) {
    const parts = path.split('/');
    yield {
      id: `${source}:${path}`,
      text: decode(await readFile(file), file),
      family: family ?? (parts.length > 1 ? (parts[0] ?? source) : source),
    };
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new NlaError('E_CORPUS_FORMAT', {
      message: 'A text file of the corpus cannot be read as text.',
      found: 'bytes that are not UTF-8',
      expected: 'UTF-8',
      fix: 'Convert the file (for instance with `iconv -t utf-8`), or move it out of the folder.',
      file,
      kind: 'input',
      cause,
    });
  }
}
