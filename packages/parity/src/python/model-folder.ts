import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { JsonValue, Model, Quantizer } from '@nlakit/core';
import { checkpointSource, gemma4ConfigText, gemma4FromSource } from '@nlakit/model-gemma4';
import { plainQuantizer } from '@nlakit/ops';
import { openModelFolder, writeSafetensors, type TensorEntry } from '@nlakit/safetensors';
import { tinyConfig } from '../fixtures.js';
import { noTokenizer, tinyTensors } from '../tiny-model.js';
import type { Lab } from './lab.js';

type Config = Record<string, JsonValue>;

/** Writes a checkpoint in the Hugging Face layout, in one file. */
export async function writeModelFolder(folder: string, config: Config, tensors: ReadonlyMap<string, TensorEntry>): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeSafetensors(path.join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeFile(path.join(folder, 'config.json'), gemma4ConfigText(config));
}

/** The model of a folder on the current backend. The caller disposes it. */
export async function openFolderModel(folder: string, quantizer: Quantizer = plainQuantizer({ dtype: 'f32' })): Promise<Model> {
  const config = JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8')) as Config;
  const file = await openModelFolder(folder);
  try {
    return await gemma4FromSource(checkpointSource(file), { config, tokenizer: noTokenizer, quantizer });
  } finally {
    await file.close();
  }
}

/** Configuration of the tiny model as transformers' text-only class has it. */
export function textOnlyConfig(): Config {
  return { ...(tinyConfig()['text_config'] as Config), architectures: ['Gemma4ForCausalLM'], model_type: 'gemma4_text' };
}

/** The tiny checkpoint as transformers' text-only class has it: names without `language_model`. Resolves to its folder. */
export function textOnlyFolder(lab: Lab): Promise<string> {
  return lab.once('text-only checkpoint', async () => {
    const renamed = [...(await tinyTensors())].map(([name, tensor]) => [name.replace('.language_model.', '.'), tensor] as const);
    await writeModelFolder(lab.place('text-only'), textOnlyConfig(), new Map(renamed));
    return lab.place('text-only');
  });
}
