import { readFile } from 'node:fs/promises';
import { NlaError, type JsonValue } from '@nlakit/core';

/** Reads a model's `config.json`. Throws `E_MODEL_CONFIG` with the path if it is no JSON object. */
export async function readModelConfig(file: string): Promise<Readonly<Record<string, JsonValue>>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, JsonValue>>;
    throw new Error('it holds no JSON object');
  } catch (cause) {
    throw new NlaError('E_MODEL_CONFIG', {
      message: "The model's config.json cannot be read.",
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'the config.json of a Gemma 4 checkpoint',
      kind: 'input',
      cause,
    });
  }
}
