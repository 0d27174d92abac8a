import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { JsonValue } from '@nlakit/core';
import { repositoryRoot } from './repository.js';

/** Golden files lie beside the tests of the package they belong to; those that belong to several lie here. */
const folders = {
  model: 'plugins/model-gemma4',
  nf4: 'plugins/quantizer-nf4',
  optim: 'packages/optim',
  safetensors: 'packages/safetensors',
  parity: 'packages/parity',
} as const;

/** Path of a golden file. */
export function fixture(place: keyof typeof folders, ...parts: string[]): string {
  return path.join(repositoryRoot, folders[place], 'src', '__fixtures__', ...parts);
}

/** A golden JSON file, parsed. */
export function readGolden<Golden>(place: keyof typeof folders, ...parts: string[]): Golden {
  return JSON.parse(readFileSync(fixture(place, ...parts), 'utf8')) as Golden;
}

/** `config.json` of the tiny model, as transformers 5.18 writes it. */
export function tinyConfig(): Record<string, JsonValue> {
  return readGolden('model', 'gemma4-tiny', 'config.json');
}

/** A copy of a nested configuration with some fields of the text model changed. */
export function withText(config: Record<string, JsonValue>, change: Record<string, JsonValue>): Record<string, JsonValue> {
  return { ...config, text_config: { ...(config['text_config'] as Record<string, JsonValue>), ...change } };
}
