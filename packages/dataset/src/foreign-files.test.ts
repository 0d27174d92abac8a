import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foreignFile, foreignRow, foreignSidecar, type ForeignDialect } from './__fixtures__/foreign-rows.js';
import { openSplit, openTable, splitOf, writeRows } from './index.js';
import type { DataStage, ParquetSplit } from './index.js';
import { codecs } from './parquet/codecs.js';

const stages = ['av_sft', 'ar_sft', 'rl'] as const;
const dialects: readonly ForeignDialect[] = ['kitft', 'seed'];
const cases = dialects.flatMap((dialect) => stages.map((stage) => [dialect, stage] as const));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-foreign-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const openForeign = (dialect: ForeignDialect, stage: DataStage, slice = ''): Promise<ParquetSplit> => {
  const file = foreignFile(dialect, stage);
  return openSplit(`${file}${slice}`, splitOf(file), dialect === 'kitft' ? {} : { sidecar: foreignSidecar(stage, 12, 8) });
};

async function allRows(split: ParquetSplit) {
  const rows = [];
  for await (const batch of split.batches()) rows.push(...batch);
  return rows;
}

async function records(file: string, columns: readonly string[]) {
  return parquetReadObjects({ file: (await readFile(file)).buffer, columns: [...columns], compressors: codecs });
}

describe.each(cases)('%s %s', (dialect, stage) => {
  const expected = Array.from({ length: 12 }, (_, row) => foreignRow(dialect, stage, row, 8));

  it('is read', async () => {
    const split = await openForeign(dialect, stage);
    expect(await allRows(split)).toEqual(expected);
    expect(await split.rows([11, 0, 5, 0])).toEqual([expected[11], expected[0], expected[5], expected[0]]);
    expect(await split.documents()).toEqual(expected.map(({ documentId }) => documentId));
    expect(await split.vectors()).toEqual(Float32Array.from(expected.flatMap(({ vector }) => [...vector])));
  });

  it('is read in slices, which are not the file', async () => {
    const whole = await openForeign(dialect, stage);
    for (const [slice, from, to] of [
      ['@[3:9]', 3, 9],
      ['@[:2]', 0, 2],
      ['@[10:]', 10, 12],
      ['@[4:1000]', 4, 12],
    ] as const) {
      const split = await openForeign(dialect, stage, slice);
      expect(split.length).toBe(to - from);
      expect(await allRows(split)).toEqual(expected.slice(from, to));
      expect(await split.rows([1])).toEqual([expected[from + 1]]);
      expect(await split.documents()).toEqual(expected.slice(from, to).map(({ documentId }) => documentId));
      expect(split.sha256).not.toBe(whole.sha256);
      await expect(split.rows([to - from])).rejects.toMatchObject({ code: 'E_DATASET_ROW' });
    }
    expect((await openForeign(dialect, stage, '@[0:12]')).sha256).toBe(whole.sha256);
  });

  it('goes through a file of ours unchanged, in every column it has', async () => {
    const file = join(folder, `${stage}.parquet`);
    const source = await openForeign(dialect, stage);
    const { datasetId, baseModel, dModel, layer, norm, tokens, templates, injectionScale, mseScale, perLayerIds } = source.sidecar;
    const fields = { datasetId, baseModel, dModel, layer, norm, tokens, templates, injectionScale, mseScale, perLayerIds };
    await writeRows(
      file,
      stage,
      (async function* () {
        for await (const batch of source.batches()) yield* batch;
      })(),
      fields,
    );
    const back = await openSplit(file, splitOf(foreignFile(dialect, stage)));
    expect(await allRows(back)).toEqual(expected);
    expect(back.sidecar).toMatchObject(fields);
    const columns = [...(await openTable(foreignFile(dialect, stage))).columns];
    expect(await records(file, columns)).toEqual(await records(foreignFile(dialect, stage), columns));
  });
});

describe('what does not fit', () => {
  it('prompts that are not the template of the sidecar', async () => {
    const sidecar = foreignSidecar('av_sft', 12, 8);
    const other = { ...sidecar, templates: { ...sidecar.templates, av: 'Another {injection_char}' } };
    const split = await openSplit(foreignFile('seed', 'av_sft'), 'avSft', { sidecar: other });
    await expect(split.rows([0])).rejects.toMatchObject({ code: 'E_DATASET_PROMPT' });
    const unknown = { ...sidecar, templates: { ...sidecar.templates, av: null } };
    expect(await (await openSplit(foreignFile('seed', 'av_sft'), 'avSft', { sidecar: unknown })).rows([0])).toHaveLength(1);
  });

  it('AR prompts without a template: the error says what to name', async () => {
    const sidecar = foreignSidecar('ar_sft', 12, 8);
    const split = await openSplit(foreignFile('seed', 'ar_sft'), 'arSft', {
      sidecar: { ...sidecar, templates: { ...sidecar.templates, ar: null } },
    });
    await expect(split.rows([0])).rejects.toThrow(/E_DATASET_TEMPLATE|preset/);
    const other = await openSplit(foreignFile('seed', 'ar_sft'), 'arSft', {
      sidecar: { ...sidecar, templates: { ...sidecar.templates, ar: 'Summary {explanation}' } },
    });
    await expect(other.rows([0])).rejects.toThrow(/not made from the AR template/);
  });

  it('another width, another number of rows, no such slice', async () => {
    const wide = await openSplit(foreignFile('seed', 'av_sft'), 'avSft', { sidecar: foreignSidecar('av_sft', 12, 16) });
    await expect(wide.rows([0])).rejects.toThrow(/row 0[\s\S]*8 components[\s\S]*16 components/);
    await expect(openSplit(foreignFile('seed', 'av_sft'), 'avSft', { sidecar: foreignSidecar('av_sft', 13, 8) })).rejects.toMatchObject({
      code: 'E_DATASET_HASH',
    });
    for (const slice of ['@[12:]', '@[5:5]', '@[-3:]', '@[a:b]', '@[]', '@[1]']) {
      await expect(openForeign('seed', 'av_sft', slice)).rejects.toMatchObject({ code: 'E_DATASET_SLICE' });
    }
  });

  it.each([
    ['kitft', 'av_sft'],
    ['kitft', 'ar_sft'],
    ['kitft', 'rl'],
    ['seed', 'rl'],
  ] as const)('a damaged %s %s is an error with a code, wherever it is damaged', async (dialect, stage) => {
    const bytes = await readFile(foreignFile(dialect, stage));
    const sidecar = foreignSidecar(stage, 12, 8);
    const split = splitOf(`${stage}.parquet`);
    for (let at = 0; at < bytes.length; at += 53) {
      const file = join(folder, `${at}.parquet`);
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x5a;
      await writeFile(file, damaged);
      try {
        await (await openSplit(file, split, { sidecar })).rows([0, 11]);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^E_DATASET_/) as unknown });
      }
    }
    for (const length of [0, 3, 8, bytes.length - 1, bytes.length >> 1]) {
      const file = join(folder, 'short.parquet');
      await writeFile(file, bytes.subarray(0, length));
      await expect(openSplit(file, split, { sidecar })).rejects.toMatchObject({ code: 'E_DATASET_OPEN' });
    }
  });
});
