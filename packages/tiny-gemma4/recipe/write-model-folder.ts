import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NlaError, type JsonValue } from '@nlakit/core';
import { gemma4ConfigText } from '@nlakit/model-gemma4';
import { atomicWriteFile, encodeSafetensors, fsyncFolder, type TensorEntry } from '@nlakit/safetensors';
import { modelCard } from './model-card.js';
import { noticeText } from './notices.js';
import { tokenizerConfig } from './tokenizer-files.js';
import type { FileFacts, StoredTrainingRecord, TrainingRecord } from './training-record.js';

/** Most bytes the folder may have: it is committed and published. */
export const largestFolder = 12_000_000;

/** What a model folder is made from. */
export interface ModelFolderContent {
  readonly config: Readonly<Record<string, JsonValue>>;
  /** Checkpoint name to shape. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Checkpoint name to values; rounded to bfloat16, nearest even, when written. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** `tokenizer.json` */
  readonly tokenizer: string;
  readonly record: TrainingRecord;
  /** Text of the Apache License 2.0. */
  readonly licence: string;
  readonly wordnetLicence: string;
}

/**
 * Writes the model folder. The files are made in a folder beside it, which takes its place when all are there.
 *
 * @returns the size of the folder in bytes.
 * Throws `E_EXPORT_TENSOR` if a parameter is missing, `E_EXPORT_SIZE` if the folder became larger than {@link largestFolder}, and
 * `E_WRITE`; the former folder is kept then.
 */
export async function writeModelFolder(folder: string, content: ModelFolderContent): Promise<number> {
  const { config } = content;
  const text = config['text_config'] as { readonly max_position_embeddings: number };
  const files: Record<string, string | Uint8Array> = {
    'config.json': gemma4ConfigText(config),
    'model.safetensors': encodeSafetensors(entries(content), { format: 'pt' }),
    'tokenizer.json': content.tokenizer,
    'tokenizer_config.json': json(tokenizerConfig(text.max_position_embeddings)),
    LICENSE: content.licence,
    'LICENSE-WORDNET': content.wordnetLicence,
    NOTICE: noticeText(),
  };
  const facts = Object.fromEntries(Object.entries(files).map(([name, data]): [string, FileFacts] => [name, factsOf(data)]));
  const stored: StoredTrainingRecord = { ...content.record, files: facts };
  files['training.json'] = json(stored);
  files['README.md'] = modelCard(content.record);
  const bytes = Object.values(files).reduce((sum, data) => sum + Buffer.byteLength(data), 0);
  if (bytes > largestFolder) {
    throw new NlaError('E_EXPORT_SIZE', {
      message: 'The model folder would be too large to be committed.',
      found: `${bytes} bytes`,
      expected: `at most ${largestFolder}`,
    });
  }
  await replaceFolder(folder, files);
  return bytes;
}

function entries({ shapes, parameters }: ModelFolderContent): [string, TensorEntry][] {
  return [...shapes].map(([name, shape]) => {
    const data = parameters.get(name);
    if (data === undefined) {
      throw new NlaError('E_EXPORT_TENSOR', { message: 'The checkpoint lacks a parameter of the model.', expected: name, kind: 'input' });
    }
    return [name, { dtype: 'BF16', shape, data }];
  });
}

async function replaceFolder(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const beside = (what: string): string => join(dirname(folder), `.${basename(folder)}.${what}-${process.pid}`);
  const made = beside('new');
  const former = beside('old');
  await mkdir(made, { recursive: true });
  try {
    for (const [name, data] of Object.entries(files)) await atomicWriteFile(join(made, name), data);
    const existed = await rename(folder, former).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw error;
      },
    );
    await rename(made, folder);
    await fsyncFolder(dirname(folder));
    if (existed) await rm(former, { recursive: true });
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function factsOf(data: string | Uint8Array): FileFacts {
  return { bytes: Buffer.byteLength(data), sha256: createHash('sha256').update(data).digest('hex') };
}
