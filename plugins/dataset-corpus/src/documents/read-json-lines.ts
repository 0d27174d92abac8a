import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { NlaError } from '@nlakit/core';
import type { CorpusDocument } from './corpus-document.js';
import { documentOf } from './document-fields.js';
import type { SourceFile } from './list-files.js';
import type { FieldOptions } from './source-options.js';

/** One document a line, streamed; empty lines are passed over. Throws `E_CORPUS_FORMAT` with the line. */
export async function* readJsonLines(
  files: readonly SourceFile[],
  { source, fields }: { readonly source: string; readonly fields: FieldOptions },
): AsyncGenerator<CorpusDocument> {
  for (const { file, path } of files) {
    let line = 0;
    let index = 0;
    for await (const text of linesOf(file)) {
      line += 1;
      const trimmed = (line === 1 ? text.replace(/^\uFEFF/, '') : text).trim();
      if (trimmed === '') continue;
      yield documentOf(parse(trimmed, file, line), fields, { source, file, path, index, line });
      index += 1;
    }
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const bytes = createReadStream(file);
  const input = file.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes;
  // A pipe does not hand on the errors of what is before it.
  if (input !== bytes) bytes.on('error', (error) => input.destroy(error));
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (cause) {
    throw new NlaError('E_CORPUS_FORMAT', {
      message: 'A file of the corpus cannot be read to its end.',
      found: cause instanceof Error ? cause.message : String(cause),
      file,
      kind: 'input',
      cause,
    });
  } finally {
    bytes.destroy();
  }
}

function parse(text: string, file: string, line: number): Readonly<Record<string, unknown>> {
  let found: string;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    found = text.slice(0, 60);
  } catch (error) {
    found = error instanceof Error ? error.message : String(error);
  }
  throw new NlaError('E_CORPUS_FORMAT', { message: 'This line is no JSON object.', found, file, line, kind: 'input' });
}
