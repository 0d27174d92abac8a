import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatasetContext, DatasetEvent, Injector, Model, Tokenizer } from '@nlakit/core';
import { resolveSidecars } from '@nlakit/dataset';
import { findPreset, templateSha256 } from '@nlakit/sidecar';
import type { ReleasePreset } from '@nlakit/sidecar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createParquetDataset } from './index.js';

const fixtures = fileURLToPath(new URL('../../../packages/dataset/src/__fixtures__/', import.meta.url));
const templates = { av: 'What does <concept>{injection_char}</concept> mean?', ar: 'Text: <text>{explanation}</text> <vector>' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-foreign-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const tokenizer = {
  bosId: 2,
  unkId: 3,
  // The chat prompt of kitft's template, AR prompts that end in 3 5, and the marker itself.
  encode: (text: string) => Int32Array.from(text === '㈎' ? [9] : text.includes('㈎') ? [2, 4, 9, 5] : [2, 7, 3, 5]),
  applyChatTemplate: ([message]: readonly { content: string }[]) => message?.content ?? '',
} as unknown as Tokenizer;

function context(): DatasetContext {
  return {
    model: { spec: { name: 'tiny', dModel: 8, layers: 8 }, tokenizer } as unknown as Model,
    injector: { scale: () => 2 } as unknown as Injector,
    layer: 5,
    folder: join(folder, 'data'),
    signal: new AbortController().signal,
  };
}

const filesOf = (dialect: string, slices: Readonly<Record<string, string>> = {}) => ({
  avSft: join(fixtures, dialect, `av_sft.parquet${slices['avSft'] ?? ''}`),
  arSft: join(fixtures, dialect, `ar_sft.parquet${slices['arSft'] ?? ''}`),
  heldOut: join(fixtures, dialect, `rl.parquet${slices['heldOut'] ?? ''}`),
});

async function events(dataset: ReturnType<typeof createParquetDataset>): Promise<DatasetEvent[]> {
  const all: DatasetEvent[] = [];
  for await (const event of dataset.prepare(context())) all.push(event);
  return all;
}

describe('files of kitft', () => {
  it('are taken as they are, in slices whose documents are apart', async () => {
    const dataset = createParquetDataset(filesOf('kitft', { avSft: '@[0:4]', arSft: '@[4:8]', heldOut: '@[8:]' }), folder);
    expect((await events(dataset)).at(-1)).toMatchObject({ type: 'done', figures: { avSft: 4, arSft: 4, heldOut: 4 } });
    expect((await dataset.describe('')).contract).toMatchObject({
      templates: { ...templates, avChat: true },
      tokens: { criticSuffixIds: [3, 5] },
    });
    const rows = await (await dataset.open('', 'arSft')).rows([0]);
    expect(rows[0]).toMatchObject({ documentId: 'HuggingFaceFW/fineweb:train:2', explanation: 'feature 4; ünïcode 㐀\nsecond line 1' });
  });

  it('are refused where slices share documents', async () => {
    await expect(events(createParquetDataset(filesOf('kitft'), folder))).rejects.toMatchObject({ code: 'E_DATASET_LEAK' });
  });
});

describe('files of the seed, which have no sidecars', () => {
  it('say which option to set', async () => {
    const dataset = createParquetDataset(filesOf('seed'), folder);
    await expect(dataset.describe('')).rejects.toThrow(/preset[\s\S]*sidecar/);
    await expect(dataset.describe('')).rejects.toMatchObject({ code: 'E_DATASET_SIDECAR' });
  });

  it('are read with the sidecar of the release, the AV template from the prompts and the AR template from a file', async () => {
    await writeFile(
      join(folder, 'nla_meta.yaml'),
      `kind: nla_model
role: actor
base_model: tiny
extraction: {d_model: 8, layer: 5, injection_scale: sqrt_d_model, mse_scale: sqrt_d_model}
tokens: {injection_char: "㈎", injection_token_id: 9, injection_left_neighbor_id: 4, injection_right_neighbor_id: 5}
`,
    );
    await writeFile(join(folder, 'ar.txt'), `${templates.ar}\n`);
    const files = filesOf('seed', { avSft: '@[0:4]', arSft: '@[4:8]', heldOut: '@[8:]' });
    const dataset = createParquetDataset({ ...files, sidecar: 'nla_meta.yaml', arTemplate: 'ar.txt' }, folder);
    expect((await dataset.describe('')).contract).toMatchObject({ layer: 5, templates: { ...templates, avChat: false } });
    expect(await (await dataset.open('', 'avSft')).rows([1])).toMatchObject([{ documentId: 'fwe_000000', labeler: 'claude-haiku' }]);
    expect(await (await dataset.open('', 'arSft')).rows([0])).toMatchObject([{ explanation: 'feature 4; ünïcode 㐀\nsecond line 1' }]);
    const without = createParquetDataset({ ...files, sidecar: 'nla_meta.yaml' }, folder);
    await expect(without.describe('')).rejects.toThrow(/the AR template/);
  });

  it('are completed by a preset: ids from it, templates from the files themselves, checked by hash', async () => {
    const preset: ReleasePreset = {
      ...findPreset('solshine-gemma-4-e2b'),
      name: 'ours',
      dModel: 8,
      layer: 5,
      tokens: { injectionChar: '㈎', injectionTokenId: 9, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: null },
      templateSha256: { av: templateSha256(templates.av), ar: templateSha256(templates.ar) },
    };
    const resolved = await resolveSidecars(filesOf('seed'), { preset });
    expect(resolved.avSft?.sidecar.templates).toEqual({ ...templates, avChat: false });
    expect(resolved.arSft?.sidecar.templates).toEqual({ ...templates, avChat: false });
    const other = { ...preset, templateSha256: { ...preset.templateSha256, av: '0'.repeat(64) } };
    await expect(resolveSidecars(filesOf('seed'), { preset: other })).rejects.toMatchObject({ code: 'E_PRESET_TEMPLATE' });
    const unknown = { ...preset, templateSha256: { ...preset.templateSha256, ar: '0'.repeat(64) } };
    expect((await resolveSidecars(filesOf('seed'), { preset: unknown })).arSft?.sidecar.templates.ar).toBeNull();
    await expect(resolveSidecars(filesOf('kitft'), { preset: findPreset('kitft-qwen2.5-7b') })).rejects.toMatchObject({
      code: 'E_PRESET_MISMATCH',
    });
  });

  it('a sidecar beside one of them is enough for that one', async () => {
    await copyFile(join(fixtures, 'kitft/av_sft.parquet'), join(folder, 'av_sft.parquet'));
    await copyFile(join(fixtures, 'kitft/av_sft.parquet.nla_meta.yaml'), join(folder, 'av_sft.parquet.nla_meta.yaml'));
    expect(Object.keys(await resolveSidecars({ avSft: join(folder, 'av_sft.parquet') }, {}))).toEqual(['avSft']);
  });
});
