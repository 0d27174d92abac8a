import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NlaRow, SplitName } from '@nlakit/core';
import { openSplit, orderRows } from '@nlakit/dataset';
import { createSeedStreams } from '@nlakit/run';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../index.js';

const dataFixtures = fileURLToPath(new URL('../../../dataset/src/__fixtures__/', import.meta.url));
const sidecars = fileURLToPath(new URL('../../../sidecar/src/__fixtures__/', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-data-'));
  vi.stubEnv('NLAKIT_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function nla(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ['', ''];
  const code = await runCli(args, {
    out: (text) => (out += text),
    error: (text) => (error += text),
    cwd: folder,
    color: false,
    terminal: false,
    interactive: false,
    columns: 100,
    signal: new AbortController().signal,
  });
  return { code, out, error };
}

async function nlaJson<Result>(...args: string[]): Promise<Result> {
  const { code, out, error } = await nla(...args, '--json');
  expect({ code, error: code === 0 ? '' : error }).toEqual({ code: 0, error: '' });
  return JSON.parse(out) as Result;
}

interface Stats {
  readonly files: readonly {
    readonly rows: number;
    readonly documents: number;
    readonly labelled: number;
    readonly families: readonly unknown[];
    readonly labelers: readonly unknown[];
    readonly topWords: readonly unknown[];
    readonly duplicates: Readonly<Record<string, number>>;
    readonly baselines: { readonly rho: number };
    readonly norms: { readonly summary: { readonly maximum: number } };
    readonly examples: readonly { readonly rule: string; readonly id: string }[];
  }[];
  readonly shared: readonly unknown[];
  readonly notes: readonly string[];
  readonly sheet?: string;
}

/** rho and the largest length of the rows that the fixtures hold, by the definition. */
function expectedFigures(rows: number, width: number): { rho: number; largest: number } {
  const vectors = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_value, column) => (row * width + column) / 16 - 3),
  );
  const lengths = vectors.map((vector) => Math.hypot(...vector));
  const mean = Array.from(
    { length: width },
    (_, column) => vectors.reduce((sum, vector, row) => sum + (vector[column] ?? 0) / (lengths[row] ?? 1), 0) / rows,
  );
  return { rho: Math.hypot(...mean), largest: Math.max(...lengths) };
}

describe('nla data stats', () => {
  it('counts a file of the seed without a sidecar', async () => {
    const { files, notes } = await nlaJson<Stats>('data', 'stats', join(dataFixtures, 'seed/av_sft.parquet'));
    const { rho, largest } = expectedFigures(12, 8);
    expect(files[0]).toMatchObject({
      rows: 12,
      documents: 6,
      labelled: 12,
      families: [
        { name: 'fwe', count: 4 },
        { name: 'wik', count: 4 },
        { name: 'arx', count: 2 },
        { name: 'doc', count: 2 },
      ],
      labelers: [
        { name: 'claude-haiku', count: 6 },
        { name: 'gemini-2.5-pro', count: 6 },
      ],
      duplicates: { rowIds: 0, vectors: 0, texts: 0, explanations: 0 },
    });
    expect(files[0]?.baselines.rho).toBeCloseTo(rho, 6);
    expect(files[0]?.norms.summary.maximum).toBeCloseTo(largest, 4);
    expect(files[0]?.topWords.slice(0, 2)).toEqual([
      { name: 'feature', count: 12 },
      { name: 'line', count: 12 },
    ]);
    expect(new Set(files[0]?.examples.map(({ rule }) => rule)).size).toBe(6);
    expect(notes.join()).toContain('no sidecar');
    const unread = await nlaJson<Stats>('data', 'stats', join(dataFixtures, 'seed/ar_sft.parquet'));
    expect(unread.files[0]?.labelled).toBe(0);
    expect(unread.notes.join()).toContain('preset');
  });

  it('counts a slice, and a folder of kitft with what its files share, and writes a data sheet', async () => {
    for (const stage of ['av_sft', 'ar_sft', 'rl']) {
      for (const name of [`${stage}.parquet`, `${stage}.parquet.nla_meta.yaml`])
        await copyFile(join(dataFixtures, 'kitft', name), join(folder, name));
    }
    expect((await nlaJson<Stats>('data', 'stats', 'av_sft.parquet@[2:8]')).files[0]).toMatchObject({ rows: 6, documents: 3 });
    const { files, shared, sheet } = await nlaJson<Stats>('data', 'stats', '.', '--html');
    expect(files.map(({ labelled }) => labelled)).toEqual([12, 12, 0]);
    expect(shared).toContainEqual({ first: 'av_sft.parquet', second: 'rl.parquet', documents: 6 });
    const page = await readFile(sheet ?? '', 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/(src|href)=|<script|https?:/);
    for (const shown of ['av_sft.parquet', 'HuggingFaceFW/fineweb', 'Label words', 'drawn by the hash', 'rho'])
      expect(page).toContain(shown);
    const text = await nla('data', 'stats', 'av_sft.parquet');
    expect(text.out).toMatch(/av_sft\.parquet +av_sft, 12 rows of 6 documents, 12 labelled/);
  });

  it('says what is wrong', async () => {
    expect((await nla('data', 'stats', 'nothing.parquet')).code).toBe(2);
    await writeFile(join(folder, 'bad.parquet'), 'PAR1');
    expect((await nla('data', 'stats', 'bad.parquet')).error).toContain('E_DATASET_OPEN');
    expect((await nla('data', 'stats', join(dataFixtures, 'seed/av_sft.parquet'), '--preset', 'none')).error).toContain('E_PRESET_UNKNOWN');
    expect((await nla('data', 'stats', join(dataFixtures, 'seed/av_sft.parquet'), '--preset', 'kitft-qwen2.5-7b')).code).toBe(2);
  });
});

describe('nla data markers', () => {
  it('measures, keeps and checks the marker of the bundled model', async () => {
    const first = await nlaJson<Record<string, unknown>>('data', 'markers', '--model', '@nlakit/tiny-gemma4');
    expect(first).toMatchObject({
      injectionTokenId: expect.any(Number) as unknown,
      source: 'measured',
      keptIn: expect.stringContaining('cache') as unknown,
    });
    expect(await nlaJson('data', 'markers', '--model', '@nlakit/tiny-gemma4')).toEqual({ ...first, source: 'kept' });
    await writeFile(join(folder, 'av.txt'), 'Say <concept>{injection_char}</concept> again\n');
    const other = await nlaJson<Record<string, unknown>>('data', 'markers', '--model', '@nlakit/tiny-gemma4', '--av-template', 'av.txt');
    expect(other).toMatchObject({
      injectionTokenId: first['injectionTokenId'],
      leftNeighborId: first['leftNeighborId'],
      source: 'measured',
    });
    const { out } = await nla('data', 'markers', '--model', '@nlakit/tiny-gemma4', '--marker', String(first['injectionChar']));
    expect(out).toMatch(/marker +\S +U\+3[23]/);
    expect((await nla('data', 'markers', '--model', '@nlakit/tiny-gemma4', '--marker', 'two words')).error).toContain('E_MARKER_NONE');
    expect((await nla('data', 'markers')).code).toBe(2);
  });

  it('lists the releases', async () => {
    const { presets } = await nlaJson<{ presets: readonly { name: string }[] }>('data', 'markers', '--presets');
    expect(presets.map(({ name }) => name)).toContain('solshine-gemma-4-e2b');
    expect((await nla('data', 'markers', '--presets')).out).toMatch(/kitft-qwen2\.5-7b +Qwen\/Qwen2\.5-7B-Instruct +3584 +20 +150/);
  });
});

describe('nla inspect sidecar', () => {
  it('prints what was assumed, and writes the one schema', async () => {
    const { out } = await nla('inspect', 'sidecar', join(sidecars, 'solshine.yaml'), '--upgrade', 'new.yaml');
    expect(out).toMatch(/missing +prompt_templates\.av +not stated; the preset solshine-gemma-4-e2b knows it/);
    expect(out).toContain('respelled');
    const upgraded = await nlaJson<{ dialect: string; injectionScale: number; notes: readonly { state: string }[] }>(
      'inspect',
      'sidecar',
      'new.yaml',
    );
    expect(upgraded).toMatchObject({ dialect: 'nlakit', injectionScale: Math.sqrt(1536) });
    expect(upgraded.notes.map(({ state }) => state)).not.toContain('assumed');
    const ours = await nla('inspect', 'sidecar', 'new.yaml', '--preset', 'kitft-gemma-3-12b');
    expect(ours).toMatchObject({ code: 2, error: expect.stringContaining('E_PRESET_MISMATCH') as unknown });
    await writeFile(join(folder, 'av.txt'), 'mine <concept>{injection_char}</concept>');
    const wrong = await nla('inspect', 'sidecar', 'new.yaml', '--preset', 'solshine-gemma-4-e2b', '--av-template', 'av.txt');
    expect(wrong.error).toContain('E_PRESET_TEMPLATE');
    const filled = await nlaJson<{ templates: { av: string } }>('inspect', 'sidecar', 'new.yaml', '--av-template', 'av.txt');
    expect(filled.templates.av).toBe('mine <concept>{injection_char}</concept>');
  });
});

interface Shuffled {
  readonly file: string;
  readonly rows: number;
  readonly sha256: string;
  readonly datasetId: string;
  readonly own: number;
  readonly sameDocument: number;
}

describe('nla data shuffle', () => {
  const kitft = (name: string) => join(dataFixtures, 'kitft', name);
  const shuffle = (source: string, out: string, ...more: string[]) =>
    nlaJson<Shuffled>('data', 'shuffle', source, '--out', out, '--seed', '3', ...more);
  const open = async (file: string, name: SplitName) => {
    const split = await openSplit(file, name);
    return { split, rows: await split.rows(Array.from({ length: split.length }, (_, index) => index)) };
  };
  const textOf = ({ explanation, labeler, fields }: NlaRow) => JSON.stringify([explanation, labeler, fields]);
  const vectorOf = ({ vector }: NlaRow) => vector.join();

  it('deals the vectors of a foreign file out to other rows, and says so in the sidecar', async () => {
    const before = await open(kitft('av_sft.parquet'), 'avSft');
    const done = await shuffle(kitft('av_sft.parquet'), 'av_sft_shuffled.parquet');
    const after = await open(done.file, 'avSft');
    expect(after.rows.map(textOf)).toEqual(before.rows.map(textOf));
    expect(after.rows.map(({ text, documentId }) => [text, documentId])).toEqual(
      before.rows.map(({ text, documentId }) => [text, documentId]),
    );
    expect(after.rows.map(vectorOf)).not.toEqual(before.rows.map(vectorOf));
    expect(after.rows.map(vectorOf).sort()).toEqual(before.rows.map(vectorOf).sort());
    const donors = after.rows.map((row) => before.rows.findIndex((other) => vectorOf(other) === vectorOf(row)));
    expect(done.own).toBe(donors.filter((donor, at) => donor === at).length);
    expect(done.sameDocument).toBe(donors.filter((donor, at) => before.rows[donor]?.documentId === before.rows[at]?.documentId).length);
    const { datasetId } = before.split.sidecar;
    // The very order that `shuffleActivations` of @nlakit/dataset-corpus has.
    expect(donors).toEqual(orderRows(12, datasetId, { shuffle: false, shuffleActivations: true }, createSeedStreams(3)).vectors);
    expect(after.split.sidecar).toMatchObject({
      datasetId: `${datasetId}__shuf_activations3`,
      stage: 'av_sft',
      parentDatasets: [datasetId],
      templates: before.split.sidecar.templates,
      extensions: {
        x_shuffle: {
          what: 'activations',
          seed: 3,
          own: done.own,
          same_document: done.sameDocument,
          source: { file: 'av_sft.parquet', sha256: before.split.sha256, rows: 12 },
        },
      },
    });
    expect((await shuffle(kitft('av_sft.parquet'), 'again/av_sft.parquet')).sha256).toBe(done.sha256);
    const other = await nlaJson<Shuffled>('data', 'shuffle', kitft('av_sft.parquet'), '--out', 'other.parquet', '--seed', '4');
    expect(other.sha256).not.toBe(done.sha256);
  });

  it('moves explanations with what belongs to them, and leaves the vectors', async () => {
    const before = await open(kitft('ar_sft.parquet'), 'arSft');
    const after = await open((await shuffle(kitft('ar_sft.parquet'), 'words.parquet', '--what', 'texts')).file, 'arSft');
    expect(after.rows.map(vectorOf)).toEqual(before.rows.map(vectorOf));
    expect(after.rows.map(textOf)).not.toEqual(before.rows.map(textOf));
    expect(after.rows.map(textOf).sort()).toEqual(before.rows.map(textOf).sort());
    expect(after.split.sidecar).toMatchObject({ stage: 'ar_sft' });
  });

  it('changes nothing but the order of rows if that is wanted', async () => {
    const before = await open(kitft('rl.parquet'), 'heldOut');
    const after = await open((await shuffle(kitft('rl.parquet'), 'order.parquet', '--what', 'rows')).file, 'heldOut');
    const whole = (row: NlaRow) => `${row.documentId} ${row.text} ${vectorOf(row)}`;
    expect(after.rows.map(whole)).not.toEqual(before.rows.map(whole));
    expect(after.rows.map(whole).sort()).toEqual(before.rows.map(whole).sort());
    expect(after.split.sidecar).toMatchObject({ stage: 'rl', datasetId: `${before.split.sidecar.datasetId}__shuf3` });
  });

  it('takes files of the seed with the sidecar of their release, and slices', async () => {
    const seed = join(dataFixtures, 'seed/av_sft.parquet');
    const bare = await nla('data', 'shuffle', seed, '--out', 'seed.parquet', '--json');
    expect(bare).toMatchObject({ code: 2, out: expect.stringContaining('E_DATASET_SIDECAR') });
    const release = ['--sidecar', kitft('av_sft.parquet.nla_meta.yaml')];
    expect(await shuffle(seed, 'seed.parquet', ...release)).toMatchObject({ rows: 12 });
    expect(await shuffle(`${seed}@[2:8]`, 'slice.parquet', ...release)).toMatchObject({ rows: 6 });
    expect((await open(join(folder, 'slice.parquet'), 'avSft')).rows.map(({ labeler }) => labeler)).toContain('claude-haiku');
  });

  it('overwrites nothing, and refuses explanations where there are none', async () => {
    const again = ['data', 'shuffle', kitft('rl.parquet'), '--out', 'rl.parquet'];
    expect(await nla(...again, '--what', 'texts', '--json')).toMatchObject({ code: 2, out: expect.stringContaining('E_SHUFFLE_TEXTS') });
    expect(await readdir(folder)).not.toContain('rl.parquet');
    expect((await nla(...again)).out).toContain('12 rows, activations shuffled with seed 0');
    expect(await nla(...again, '--json')).toMatchObject({ code: 2, out: expect.stringContaining('rl.parquet is') });
    expect((await nla('data', 'shuffle', 'none.parquet', '--out', 'x.parquet')).code).toBe(2);
    expect((await nla('data', 'shuffle', kitft('rl.parquet'))).code).toBe(2);
  });
});
