import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset, DatasetSplit, NlaRow } from '@nlakit/core';
import { mutate, type Mutant } from './mutant.js';

/** Faults of a dataset. */
export const datasetMutants: readonly Mutant<'dataset'>[] = [
  mutate('adds to its files whenever it prepares', 'dataset: prepares, and prepares again to the same files', (dataset) => {
    let times = 0;
    return {
      ...dataset,
      async *prepare(context) {
        await writeFile(join(context.folder, `made-${(times += 1)}.txt`), 'made');
        yield* dataset.prepare(context);
      },
    };
  }),
  mutate('never says that it is done', 'dataset: prepares, and prepares again to the same files', (dataset) => ({
    ...dataset,
    async *prepare(context) {
      for await (const event of dataset.prepare(context)) if (event.type !== 'done') yield event;
    },
  })),
  mutate('describes another layer', 'dataset: describes a contract that fits the model', (dataset) => ({
    ...dataset,
    describe: async (folder) => {
      const description = await dataset.describe(folder);
      return { ...description, contract: { ...description.contract, layer: description.contract.layer + 1 } };
    },
  })),
  mutate('describes a template without a place for the vector', 'dataset: describes a contract that fits the model', (dataset) => ({
    ...dataset,
    describe: async (folder) => {
      const description = await dataset.describe(folder);
      return {
        ...description,
        contract: { ...description.contract, templates: { ...description.contract.templates, av: '<concept></concept>' } },
      };
    },
  })),
  ofSplits('has no hash', 'dataset: opens every split, by hash and length', (split) => ({ ...split, sha256: 'none' })),
  ofSplits('sorts what it is asked for', 'dataset: hands out rows in the order they are asked for', (split) => ({
    ...split,
    rows: (indices) => split.rows([...indices].sort((one, other) => one - other)),
  })),
  ofSplits('hands out vectors of another width', 'dataset: hands out rows in the order they are asked for', (split) =>
    changed(split, (row) => ({ ...row, vector: row.vector.slice(1) })),
  ),
  ofSplits('hands out the last row for one it does not have', 'dataset: refuses rows it does not have', (split) => ({
    ...split,
    rows: (indices) => split.rows(indices.map((index) => Math.floor(Math.min(Math.max(index, 0), split.length - 1)))),
  })),
  mutate('does not listen', 'dataset: stops when it is told to', (dataset) => ({
    ...dataset,
    async *prepare(context) {
      for (let done = 1; done <= 3; done += 1) yield { type: 'progress', task: 'work', done, total: 3, unit: 'parts' };
      yield* dataset.prepare({ ...context, signal: new AbortController().signal });
    },
  })),
  mutate('has two stages of one name', 'dataset: stops behind a stage it names', (dataset) => ({ ...dataset, stages: ['read', 'read'] })),
  mutate('holds out what it trains on', 'dataset: keeps the documents of the held-out rows out of training', (dataset) => ({
    ...dataset,
    open: async (folder, name) => ({ ...(await dataset.open(folder, 'avSft')), name }),
  })),
  ofSplits('leaves rows without explanation', 'dataset: labels what it trains on', (split) =>
    split.name === 'heldOut' ? split : changed(split, ({ explanation: _, ...row }) => row),
  ),
];

function ofSplits(name: string, caughtBy: string, change: (split: DatasetSplit) => DatasetSplit): Mutant<'dataset'> {
  return mutate(name, caughtBy, (dataset): Dataset => ({
    ...dataset,
    open: async (folder, split) => change(await dataset.open(folder, split)),
  }));
}

function changed(split: DatasetSplit, change: (row: NlaRow) => NlaRow): DatasetSplit {
  return { ...split, rows: async (indices) => (await split.rows(indices)).map(change) };
}
