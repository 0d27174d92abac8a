import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NlaRow } from '@nlakit/core';
import { datasetSidecarPath, writeDatasetSidecar } from '@nlakit/sidecar';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goldenFile, goldenRows, goldenSidecar } from './__fixtures__/golden.js';
import { describeDataset, openSplit, splitFile, tagExplanation, untagExplanation, writeSplit } from './index.js';
import type { SplitSidecar } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-dataset-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function sidecar(dModel = 3): SplitSidecar {
  return {
    datasetId: 'tiny',
    baseModel: 'm',
    dModel,
    layer: 5,
    norm: 'none',
    tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 7, rightNeighborId: 8, criticSuffixIds: null },
    templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>', avChat: false },
    injectionScale: Math.sqrt(dModel),
    mseScale: Math.sqrt(dModel),
    perLayerIds: 'marker',
    createdBy: 'nlakit test',
  };
}

function row(index: number, extra: Partial<NlaRow> = {}): NlaRow {
  return {
    id: `r${index}`,
    documentId: `d${Math.floor(index / 2)}`,
    vector: Float32Array.from([index, 0.1, -1 / 3]),
    explanation: `topic: t${index}. a kind of "thing".`,
    text: `text ${index} with ünïcode 㐀`,
    token: ' word',
    rawTokens: index + 1,
    fields: { topic: `t${index}`, last: 'word' },
    ...extra,
  };
}

describe('round trip', () => {
  it.each(['avSft', 'arSft', 'heldOut'] as const)('%s comes back as it was', async (split) => {
    const rows = Array.from({ length: 7 }, (_, index) => row(index));
    const written = await writeSplit(folder, split, rows, sidecar());
    expect(written).toMatchObject({ rows: 7, activationNorms: { count: 7 } });
    const opened = await openSplit(written.file);
    expect(opened).toMatchObject({ name: split, length: 7, sha256: written.sha256 });
    expect(await opened.rows([6, 0, 3])).toEqual([rows[6], rows[0], rows[3]]);
    expect(await opened.documents()).toEqual(rows.map((one) => one.documentId));
    expect((await readdir(folder)).sort()).toEqual(
      [`${written.file.split('/').at(-1)}`, `${written.file.split('/').at(-1)}.nla_meta.yaml`].sort(),
    );
  });

  it('keeps every float32 bit, subnormal numbers and -0 too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float32Array({ minLength: 5, maxLength: 5, noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 }),
        async (vectors) => {
          const rows = vectors.map((vector, index) => row(index, { vector }));
          const { file } = await writeSplit(folder, 'avSft', rows, sidecar(5));
          const back = await (await openSplit(file)).rows(rows.map((_, index) => index));
          const bits = (vector: Float32Array) => Array.from(new Uint32Array(vector.slice().buffer));
          expect(back.map((one) => bits(one.vector))).toEqual(vectors.map(bits));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('streams many row groups from an async source', async () => {
    const dModel = 2 ** 14;
    async function* source() {
      for (let index = 0; index < 150; index += 1) yield row(index, { vector: new Float32Array(dModel).fill(index + 1) });
    }
    const { file } = await writeSplit(folder, 'heldOut', source(), sidecar(dModel));
    expect(parquetMetadata((await readFile(file)).buffer).row_groups.length).toBe(3);
    const split = await openSplit(file);
    const [first, last] = await split.rows([0, 149]);
    expect([first?.vector[5], last?.vector[dModel - 1]]).toEqual([1, 150]);
    const all = await split.vectors();
    expect(all.length).toBe(150 * dModel);
    expect(all[70 * dModel]).toBe(71);
  });

  it('rows without label, text and fields keep them absent', async () => {
    const bare = { id: 'x', documentId: 'd', vector: Float32Array.from([1, 2, 3]), rawTokens: 4 };
    const { file } = await writeSplit(folder, 'heldOut', [bare], sidecar());
    expect(await (await openSplit(file)).rows([0])).toEqual([bare]);
  });
});

it('writes the columns that kitft reads', async () => {
  const { file } = await writeSplit(folder, 'avSft', [row(0)], sidecar());
  const buffer = (await readFile(file)).buffer;
  const tree = parquetSchema(parquetMetadata(buffer));
  expect(tree.children.map((child) => child.element.name).slice(0, 7)).toEqual([
    'prompt',
    'response',
    'activation_vector',
    'n_raw_tokens',
    'activation_layer',
    'doc_id',
    'detokenized_text_truncated',
  ]);
  const vector = tree.children[2];
  expect(vector?.element).toMatchObject({ converted_type: 'LIST' });
  expect(vector?.children[0]?.children[0]?.element).toMatchObject({ type: 'FLOAT', repetition_type: 'REQUIRED' });
  const [record] = await parquetReadObjects({ file: buffer });
  expect(record).toMatchObject({
    prompt: [{ role: 'user', content: '<concept><INJECT></concept>' }],
    response: '<explanation>\ntopic: t0. a kind of "thing".\n</explanation>',
    activation_layer: 5n,
    n_raw_tokens: 1n,
  });
  const arFile = (await writeSplit(folder, 'arSft', [row(0)], sidecar())).file;
  const [arRecord] = await parquetReadObjects({ file: (await readFile(arFile)).buffer });
  expect(arRecord?.prompt).toBe('<explanation>topic: t0. a kind of "thing".</explanation><concept>');
});

it('writes the same bytes as ever, which pyarrow reads', async () => {
  const { file } = await writeSplit(folder, 'avSft', goldenRows, goldenSidecar);
  expect((await readFile(file)).equals(await readFile(goldenFile))).toBe(true);
  const [first, second] = await (await openSplit(file)).rows([0, 1]);
  expect([first, second]).toEqual(goldenRows.slice(0, 2));
});

it('reads files of kitft', async () => {
  const file = join(folder, 'av_sft.parquet');
  parquetWriteFile({
    filename: file,
    columnData: [
      { name: 'prompt', data: [[{ role: 'user', content: '<concept><INJECT></concept>' }]] },
      { name: 'response', data: ['<explanation>\nsome text\n</explanation>'] },
      { name: 'activation_vector', data: [[1.5, -2.5]] },
      { name: 'n_raw_tokens', data: [60n] },
      { name: 'activation_layer', data: [5n] },
      { name: 'doc_id', data: ['fineweb:train:7'] },
    ],
    schema: [
      { name: 'root', num_children: 6 },
      { name: 'prompt', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'role', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
      { name: 'content', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
      { name: 'response', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
      { name: 'activation_vector', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', type: 'FLOAT' },
      { name: 'n_raw_tokens', repetition_type: 'OPTIONAL', type: 'INT64' },
      { name: 'activation_layer', repetition_type: 'OPTIONAL', type: 'INT64' },
      { name: 'doc_id', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    ],
  });
  const { createdBy: _, ...fields } = sidecar(2);
  await writeFile(
    datasetSidecarPath(file),
    writeDatasetSidecar({ ...fields, stage: 'av_sft', rowCount: 1 }).replace('created_by: nlakit', 'created_by: nla'),
  );
  const [read] = await (await openSplit(file)).rows([0]);
  expect(read).toEqual({
    id: 'fineweb:train:7@60',
    documentId: 'fineweb:train:7',
    vector: Float32Array.from([1.5, -2.5]),
    explanation: 'some text',
    rawTokens: 60,
  });
});

describe('bad input', () => {
  it.each([
    ['a vector of another width', row(3, { vector: new Float32Array(4) }), 'E_DATASET_VECTOR', 'r3'],
    ['NaN', row(3, { vector: Float32Array.from([1, NaN, 2]) }), 'E_DATASET_VECTOR', 'component 1'],
    ['an id twice', row(0), 'E_DATASET_ROW', 'two rows'],
    ['no tokens', row(3, { rawTokens: 0 }), 'E_DATASET_ROW', 'rawTokens'],
    ['an explanation with closing tag', row(3, { explanation: 'a</explanation>b' }), 'E_DATASET_ROW', 'closing tag'],
    ['an explanation with a newline at the end', row(3, { explanation: 'a\n' }), 'E_DATASET_ROW', 'white space'],
  ])('%s is refused and no file is left', async (_, bad, code, words) => {
    const error = await writeSplit(folder, 'avSft', [row(0), bad], sidecar()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(words);
    expect(await readdir(folder)).toEqual([]);
  });

  it('training rows need explanations, and splits need rows', async () => {
    const { explanation: _, ...unlabelled } = row(0);
    await expect(writeSplit(folder, 'arSft', [unlabelled], sidecar())).rejects.toMatchObject({ code: 'E_DATASET_ROW' });
    await expect(writeSplit(folder, 'arSft', [], sidecar())).rejects.toMatchObject({ code: 'E_DATASET_EMPTY' });
  });

  it('a file of another width or layer than its sidecar names the row', async () => {
    const { file } = await writeSplit(folder, 'avSft', [row(0)], sidecar());
    const { createdBy: _, ...fields } = sidecar();
    const rewrite = (changes: Partial<SplitSidecar>) =>
      writeFile(datasetSidecarPath(file), writeDatasetSidecar({ ...fields, ...changes, stage: 'av_sft', rowCount: 1 }));
    await rewrite({ dModel: 4 });
    await expect((await openSplit(file)).rows([0])).rejects.toThrow(/row 0/);
    await rewrite({ layer: 4 });
    await expect((await openSplit(file)).rows([0])).rejects.toThrow(/Row 0: activation_layer is 5/);
  });

  it('a changed data file, a missing row, no parquet', async () => {
    const { file } = await writeSplit(folder, 'avSft', [row(0)], sidecar());
    const sidecarText = await readFile(datasetSidecarPath(file), 'utf8');
    await expect((await openSplit(file)).rows([1])).rejects.toMatchObject({ code: 'E_DATASET_ROW' });
    await writeSplit(folder, 'avSft', [row(1)], sidecar());
    await writeFile(datasetSidecarPath(file), sidecarText);
    await expect(openSplit(file)).rejects.toMatchObject({ code: 'E_DATASET_HASH' });
    await writeFile(file, 'not parquet');
    await expect(openSplit(file)).rejects.toMatchObject({ code: 'E_DATASET_OPEN' });
  });
});

describe('describeDataset', () => {
  it('gives the contract that all files share', async () => {
    for (const split of ['avSft', 'arSft', 'heldOut'] as const) await writeSplit(folder, split, [row(0)], sidecar());
    const description = await describeDataset(folder);
    expect(description).toMatchObject({ datasetId: 'tiny', contract: { dModel: 3, layer: 5, injectionScale: Math.sqrt(3) } });
    expect(Object.keys(description.sidecar)).toEqual(['avSft', 'arSft', 'heldOut']);
  });

  it('refuses files that do not belong together', async () => {
    await writeSplit(folder, 'avSft', [row(0)], sidecar());
    await writeSplit(folder, 'arSft', [row(0)], { ...sidecar(), layer: 4 });
    await expect(describeDataset(folder)).rejects.toThrow(/layer/);
    await rm(splitFile(folder, 'avSft'));
    await rm(splitFile(folder, 'arSft'));
    await expect(describeDataset(folder)).rejects.toMatchObject({ code: 'E_DATASET_OPEN' });
  });
});

it('untagging undoes tagging', () => {
  expect(untagExplanation(`noise ${tagExplanation('a b')} tail`)).toBe('a b');
  expect(untagExplanation('<explanation>open')).toBeUndefined();
});
