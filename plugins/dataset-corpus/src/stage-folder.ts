import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type JsonValue } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';

/** Where the stages keep what they have done so far, below the run's data folder. Hidden: it is no part of the finished dataset. */
export function stageFolder(dataFolder: string, stage: 'extract' | 'split' | 'label' | 'answers'): string {
  return join(dataFolder, '.stages', stage);
}

/** Writes a JSON file whole or not at all. */
export async function writeJson(folder: string, name: string, value: JsonValue | object): Promise<void> {
  await mkdir(folder, { recursive: true });
  await atomicWriteFile(join(folder, name), `${JSON.stringify(value)}\n`);
}

/** Reads a JSON file of ours; undefined where there is none. Throws `E_CORPUS_STAGE` for one that cannot be read. */
export async function readJson<Value>(folder: string, name: string): Promise<Value | undefined> {
  const file = join(folder, name);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Value;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new NlaError('E_CORPUS_STAGE', {
      message: 'What a stage of the data has left cannot be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Remove the file, and run the same command again.',
      file,
      kind: 'input',
      cause,
    });
  }
}

/** The error for results that belong to another corpus, model or labeler than the config's. */
export function changedError(stage: string, folder: string, what: string): NlaError {
  return new NlaError('E_CORPUS_CHANGED', {
    message: `What was ${stage} here comes from something else than this config now says; mixing the two would go unnoticed.`,
    found: what,
    expected: 'the corpus, options, model and labeler that it was made with',
    fix: 'Put back what has changed, use another run folder, or remove this one to do it again.',
    file: folder,
    kind: 'input',
  });
}
