import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foreignFile, foreignRow, foreignSidecar } from './__fixtures__/foreign-rows.js';
import { goldenFile, goldenRows, goldenSidecar } from './__fixtures__/golden.js';
import { openSplit, splitOf, writeRows } from './index.js';
import type { DataStage } from './index.js';

const run = promisify(execFile);
const python = process.env['NLAKIT_PYTHON'] ?? 'python3';
const script = fileURLToPath(new URL('../../../scripts/python/parquet_files.py', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-pyarrow-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function requirePyarrow(skip: (note?: string) => void): Promise<void> {
  const found = await run(python, ['-c', 'import pyarrow.parquet']).catch(() => undefined);
  if (found === undefined) skip(`${python} has no pyarrow; name a Python that has it in NLAKIT_PYTHON`);
}

async function inPython<Result>(verb: 'read' | 'write', job: unknown): Promise<Result> {
  const { stdout } = await run(python, [script, verb, JSON.stringify(job)], {
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
  });
  return JSON.parse(stdout) as Result;
}

interface Read {
  readonly schema: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly rowGroups: number;
  readonly fixed: string;
  readonly sum: number;
}

describe('files written by pyarrow are read', () => {
  const layouts = [
    ...['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'].map((compression) => ({ options: { compression } })),
    { options: { data_page_version: '2.0' } },
    { options: { data_page_version: '2.0', compression: 'zstd', use_dictionary: false } },
    { options: { row_group_size: 7 } },
    { vectors: 'list', options: {} },
    { vectors: 'double', options: {} },
    { vectors: 'list', options: { use_dictionary: false, use_byte_stream_split: ['activation_vector.list.element'] } },
  ];
  it.for(layouts)('%j', { tags: ['python'] }, async (layout, { skip }) => {
    await requirePyarrow(skip);
    for (const stage of ['av_sft', 'ar_sft', 'rl']) {
      const file = join(folder, `${stage}.parquet`);
      await inPython('write', { dialect: 'seed', stage, rows: 60, width: 24, layer: 5, file, ...layout });
      const split = await openSplit(file, splitOf(file), { sidecar: foreignSidecar(stage, 60, 24) });
      const rows = await split.rows(Array.from({ length: 60 }, (_, index) => index));
      expect(rows).toEqual(Array.from({ length: 60 }, (_, index) => foreignRow('seed', stage, index, 24)));
    }
  });

  // Pages of a few KiB, so that rows begin and end within them, in one row group that is read in pieces.
  it.for([
    { use_dictionary: false, data_page_version: '1.0', data_page_size: 40_000, write_batch_size: 300 },
    { use_dictionary: true, data_page_version: '1.0', data_page_size: 40_000 },
    { use_dictionary: false, data_page_version: '2.0', data_page_size: 40_000 },
    { use_dictionary: true, compression: 'zstd', data_page_version: '2.0', write_page_index: true },
  ])('one large row group in pieces: %j', { tags: ['python'] }, async (options, { skip }) => {
    await requirePyarrow(skip);
    const file = join(folder, 'av_sft.parquet');
    const [rows, width] = [900, 8192];
    await inPython('write', { dialect: 'kitft', stage: 'av_sft', rows, width, layer: 5, file, options });
    const split = await openSplit(`${file}@[5:]`, 'avSft', { sidecar: foreignSidecar('av_sft', rows, width) });
    let next = 5;
    let batches = 0;
    for await (const batch of split.batches()) {
      expect(batch[0]).toEqual(foreignRow('kitft', 'av_sft', next, width));
      expect(batch.at(-1)).toEqual(foreignRow('kitft', 'av_sft', next + batch.length - 1, width));
      next += batch.length;
      batches += 1;
    }
    expect(next).toBe(rows);
    expect(batches).toBeGreaterThan(5);
    expect(await split.rows([700, 3])).toEqual([foreignRow('kitft', 'av_sft', 705, width), foreignRow('kitft', 'av_sft', 8, width)]);
  });
});

describe('files written here are read by pyarrow', () => {
  const types: Readonly<Record<string, string>> = {
    response: 'string',
    activation_vector: 'list<element: float not null>',
    n_raw_tokens: 'int64',
    activation_layer: 'int64',
    doc_id: 'string',
    detokenized_text_truncated: 'string',
    labeler_model: 'string',
  };
  const messages = 'list<element: struct<role: string not null, content: string not null> not null>';

  it.for(['av_sft', 'ar_sft', 'rl', 'held_out'] as const)('%s has the right types', { tags: ['python'] }, async (stage, { skip }) => {
    await requirePyarrow(skip);
    const file = join(folder, `${stage}.parquet`);
    await writeRows(file, stage, goldenRows, goldenSidecar);
    const { schema, rows, fixed } = await inPython<Read>('read', { file });
    expect(schema).toMatchObject({ ...types, prompt: stage === 'ar_sft' ? 'string' : messages });
    expect(fixed).toBe('fixed_size_list<item: float>[4]');
    expect(rows.map((row) => row['activation_vector'])).toEqual(goldenRows.map(({ vector }) => [...vector]));
    expect(rows.map((row) => row['doc_id'])).toEqual(goldenRows.map(({ documentId }) => documentId));
  });

  it('the golden file, which the default tests compare bytes with', { tags: ['python'] }, async ({ skip }) => {
    await requirePyarrow(skip);
    const { schema, rows } = await inPython<Read>('read', { file: goldenFile });
    expect(schema).toMatchObject({ ...types, prompt: messages });
    expect(rows).toEqual(
      goldenRows.map((row) => ({
        prompt: [{ role: 'user', content: 'What does <concept><INJECT></concept> mean?' }],
        response: `<explanation>\n${row.explanation ?? ''}\n</explanation>`,
        activation_vector: [...row.vector],
        n_raw_tokens: row.rawTokens,
        activation_layer: 5,
        doc_id: row.documentId,
        detokenized_text_truncated: row.text ?? null,
        labeler_model: row.labeler ?? null,
        row_id: row.id,
        token: row.token ?? null,
        fields: row.fields === undefined ? null : JSON.stringify(row.fields),
      })),
    );
  });

  it('many row groups and pages', { tags: ['python'] }, async ({ skip }) => {
    await requirePyarrow(skip);
    const dModel = 3000;
    const count = 1200;
    const rows = Array.from({ length: count }, (_, row) => foreignRow('kitft', 'av_sft', row, dModel));
    const { createdBy: _, ...sidecar } = foreignSidecar('av_sft', count, dModel);
    const file = join(folder, 'av_sft.parquet');
    await writeRows(file, 'av_sft', rows, sidecar);
    const { rowGroups, sum } = await inPython<Read>('read', { file, values: false });
    expect(rowGroups).toBe(4);
    expect(sum).toBe(rows.reduce((total, { vector }) => total + vector.reduce((part, value) => part + value, 0), 0));
  });

  it.for(['kitft', 'seed'] as const)('%s files that went through here say the same', { tags: ['python'] }, async (dialect, { skip }) => {
    await requirePyarrow(skip);
    for (const stage of ['av_sft', 'ar_sft', 'rl'] as const satisfies readonly DataStage[]) {
      const file = join(folder, `${stage}.parquet`);
      const { createdBy: _, ...sidecar } = foreignSidecar(stage, 12, 8);
      const source = await openSplit(foreignFile(dialect, stage), splitOf(file), { sidecar: foreignSidecar(stage, 12, 8) });
      await writeRows(file, stage, await source.rows(Array.from({ length: 12 }, (_, index) => index)), sidecar);
      const original = await inPython<Read>('read', { file: foreignFile(dialect, stage) });
      const columns = Object.keys(original.schema);
      expect((await inPython<Read>('read', { file, columns })).rows).toEqual(original.rows);
    }
  });
});

it('the script that makes the fixtures still makes them', { tags: ['python'] }, async ({ skip }) => {
  await requirePyarrow(skip);
  const file = join(folder, 'av_sft.parquet');
  await inPython('write', { dialect: 'kitft', stage: 'av_sft', rows: 12, width: 8, layer: 5, file });
  const [made, committed] = await Promise.all([
    inPython<Read>('read', { file }),
    inPython<Read>('read', { file: foreignFile('kitft', 'av_sft') }),
  ]);
  expect(made).toEqual(committed);
  expect((await readFile(file)).length).toBeGreaterThan(0);
});
