import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type ModelSpec, type Tokenizer } from '@nlakit/core';
import { writeFileAtomically } from './file-writing.js';

/**
 * Holds a run to one base model: the first load writes the model's name and fingerprint and the sha256 of its tokenizer to `model.json`,
 * every later one is compared with the fingerprint, which covers the tokenizer. Adapters and activations of other weights would be wrong without anything failing. Throws `E_MODEL_CHANGED` and `E_RUN_RECORD`.
 */
export async function holdBaseModel(
  runFolder: string,
  spec: Pick<ModelSpec, 'name' | 'fingerprint'>,
  tokenizer?: Pick<Tokenizer, 'sha256'>,
): Promise<void> {
  if (spec.fingerprint === undefined) return;
  const file = join(runFolder, 'model.json');
  const recorded = await readRecorded(file);
  // The first load of the model in this run.
  if (recorded === undefined) {
    const record = { name: spec.name, fingerprint: spec.fingerprint, tokenizer: tokenizer?.sha256 };
    await writeFileAtomically(file, `${JSON.stringify(record, null, 2)}\n`);
    return;
  }
  if (recorded.fingerprint === spec.fingerprint) return;
  throw new NlaError('E_MODEL_CHANGED', {
    message: 'The base model is not the one this run was made with: its weights or its tokenizer have changed.',
    file,
    found: `${spec.name}, fingerprint ${spec.fingerprint}`,
    expected: `${recorded.name}, fingerprint ${recorded.fingerprint}`,
    fix: 'Put the old model back, or start a run in another folder.',
    kind: 'input',
  });
}

async function readRecorded(file: string): Promise<{ readonly name: string; readonly fingerprint: string } | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { name: string; fingerprint: string };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new NlaError('E_RUN_RECORD', {
      message: 'The record of the base model of this run cannot be read.',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Restore the file; nlakit writes it once.',
      kind: 'input',
      cause,
    });
  }
}
