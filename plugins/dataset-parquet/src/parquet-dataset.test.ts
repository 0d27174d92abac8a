import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatasetContext, DatasetEvent, Injector, Model, SplitName, Tokenizer } from '@nlakit/core';
import { writeSplit } from '@nlakit/dataset';
import type { SplitSidecar } from '@nlakit/dataset';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createParquetDataset, plugin } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-parquet-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const ids = new Map([
  ['<concept>㊗</concept>', [2, 4, 9, 5]],
  ['㊗', [9]],
]);
const tokenizer = {
  bosId: 2,
  unkId: 3,
  encode: (text: string) => Int32Array.from(ids.get(text) ?? [2, 1]),
} as unknown as Tokenizer;

function context(layer = 5, scale: number | null = 2): DatasetContext {
  return {
    model: { spec: { name: 'm', dModel: 2, layers: 8 }, tokenizer } as unknown as Model,
    injector: { scale: () => scale } as unknown as Injector,
    layer,
    folder: join(folder, 'data'),
    signal: new AbortController().signal,
  };
}

async function write(split: SplitName, documents: readonly string[], extra: Partial<SplitSidecar> = {}): Promise<void> {
  const rows = documents.map((documentId, index) => ({
    id: `${split} ${index}`,
    documentId,
    vector: Float32Array.from([index, 1]),
    explanation: 'e',
    rawTokens: 3,
  }));
  await writeSplit(folder, split, rows, {
    datasetId: 'd',
    baseModel: 'm',
    dModel: 2,
    layer: 5,
    norm: 'none',
    tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: null },
    templates: { av: '<concept>{injection_char}</concept>', ar: '{explanation}', avChat: false },
    injectionScale: 2,
    mseScale: Math.SQRT2,
    perLayerIds: 'marker',
    ...extra,
  });
}

function dataset() {
  return createParquetDataset({ avSft: 'av_sft.parquet', arSft: './ar_sft.parquet', heldOut: join(folder, 'held_out.parquet') }, folder);
}
async function events(where: DatasetContext): Promise<DatasetEvent[]> {
  const all: DatasetEvent[] = [];
  for await (const event of dataset().prepare(where)) all.push(event);
  return all;
}

it('checks the files, writes nothing, and opens them', async () => {
  await write('avSft', ['a', 'b']);
  await write('arSft', ['a', 'c']);
  await write('heldOut', ['x']);
  const before = await readdir(folder);
  expect((await events(context())).at(-1)).toMatchObject({
    type: 'done',
    figures: { avSft: 2, arSft: 2, heldOut: 1, dModel: 2, layer: 5 },
  });
  expect(await readdir(folder)).toEqual(before);
  expect((await dataset().describe('anywhere')).contract).toMatchObject({ layer: 5, injectionScale: 2 });
  const split = await dataset().open('anywhere', 'arSft');
  expect((await split.rows([1]))[0]).toMatchObject({ documentId: 'c', explanation: 'e' });
});

it('tells when another injection scale is configured', async () => {
  for (const [split, document] of [
    ['avSft', 'a'],
    ['arSft', 'b'],
    ['heldOut', 'c'],
  ] as const)
    await write(split, [document]);
  expect(await events(context(5, 3))).toContainEqual(
    expect.objectContaining({ type: 'warning', warning: expect.objectContaining({ code: 'W_DATASET_SCALE' }) as unknown }),
  );
});

it('refuses shared documents, another layer, and files that differ', async () => {
  await write('avSft', ['a', 'b']);
  await write('arSft', ['c']);
  await write('heldOut', ['b']);
  await expect(events(context())).rejects.toMatchObject({ code: 'E_DATASET_LEAK' });
  await expect(events(context(4))).rejects.toMatchObject({ code: 'E_DATASET_CONTRACT' });
  await write('heldOut', ['z'], { templates: { av: 'other {injection_char}', ar: '{explanation}', avChat: false } });
  await expect(events(context())).rejects.toThrow(/templates.av/);
});

it('stops when it is told to', async () => {
  for (const [split, document] of [
    ['avSft', 'a'],
    ['arSft', 'b'],
    ['heldOut', 'c'],
  ] as const)
    await write(split, [document]);
  await expect(events({ ...context(), signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});

it('is a plugin of kind dataset', () => {
  expect(plugin).toMatchObject({ kind: 'dataset', name: '@nlakit/dataset-parquet' });
});
