import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';

/** A template text from a file. One newline at the end, which editors add, is not part of it. `E_TEMPLATE_READ` if it cannot be read. */
export async function readTemplate(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new NlaError('E_TEMPLATE_READ', {
      message: 'The template cannot be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      file,
      kind: 'input',
      cause,
    });
  }
}
