import { resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { Dataset, DatasetContext, DatasetEvent, NlaContract, SplitName, Warning } from '@nlakit/core';
import { describeSidecars, openSplit, resolveSidecars } from '@nlakit/dataset';
import type { ParquetSplit, ResolvedFile } from '@nlakit/dataset';
import { checkContract, findPreset, readTemplate } from '@nlakit/sidecar';
import type { ParquetDatasetOptions } from './options.js';

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

type Files = Readonly<Record<SplitName, ResolvedFile>>;

/**
 * A dataset of existing parquet files: ours, kitft's, or those of the seed releases, whole or in slices. Nothing is copied or written:
 * `prepare` checks that files and sidecars agree with each other and with the model, that every vector can be used, and that held-out
 * documents are in no training file (`E_DATASET_LEAK`). What sidecars leave out comes from the options; see `resolveSidecars`.
 */
export function createParquetDataset(options: ParquetDatasetOptions, baseFolder: string): Dataset {
  let resolved: Promise<Files> | undefined;
  const files = (): Promise<Files> => (resolved ??= resolveFiles(options, baseFolder));
  return {
    describe: async () => describeSidecars(await files()),
    open: async (_folder, split) => {
      const { path, sidecar } = (await files())[split];
      return openSplit(path, split, { sidecar });
    },
    prepare: (context) => prepare(files, context),
  };
}

async function resolveFiles(options: ParquetDatasetOptions, baseFolder: string): Promise<Files> {
  const path = (name: string): string => resolve(baseFolder, name);
  const template = async (name: string | undefined): Promise<string | undefined> =>
    name === undefined ? undefined : readTemplate(path(name));
  const [av, ar] = [await template(options.avTemplate), await template(options.arTemplate)];
  const files = await resolveSidecars(
    { avSft: path(options.avSft), arSft: path(options.arSft), heldOut: path(options.heldOut) },
    {
      ...(options.preset === undefined ? {} : { preset: findPreset(options.preset) }),
      ...(options.sidecar === undefined ? {} : { sidecarFile: path(options.sidecar) }),
      templates: { ...(av === undefined ? {} : { av }), ...(ar === undefined ? {} : { ar }) },
    },
  );
  return files as Files;
}

async function* prepare(filesOf: () => Promise<Files>, context: DatasetContext): AsyncGenerator<DatasetEvent> {
  const files = await filesOf();
  const { contract } = describeSidecars(files);
  checkLayer(contract, context, files.avSft.path);
  checkContract(contract, context.model.tokenizer, context.model.spec);
  for (const warning of injectorWarnings(contract, context)) yield { type: 'warning', warning };

  const splits: ParquetSplit[] = [];
  for (const name of splitNames) splits.push(await openSplit(files[name].path, name, { sidecar: files[name].sidecar }));
  const total = splits.reduce((sum, split) => sum + split.length, 0);
  let done = 0;
  for (const split of splits) {
    if (split.sidecar.norm !== 'none') {
      const message = `${split.file}: vectors were rescaled when they were read (norm: ${split.sidecar.norm}), so their lengths say nothing.`;
      yield { type: 'warning', warning: { code: 'W_DATASET_NORM', message } };
    }
    for await (const rows of split.batches()) {
      context.signal.throwIfAborted();
      done += rows.length;
      yield { type: 'progress', task: 'check rows', done, total, unit: 'rows' };
    }
  }
  await checkDocuments(splits);
  yield {
    type: 'done',
    figures: Object.fromEntries([
      ...splits.map(({ name, length }) => [name, length] as const),
      ['dModel', contract.dModel],
      ['layer', contract.layer],
    ]),
    files: splits.map(({ file }) => file),
  };
}

function checkLayer(contract: NlaContract, context: DatasetContext, file: string): void {
  if (contract.layer === context.layer) return;
  throw new NlaError('E_DATASET_CONTRACT', {
    message: 'The vectors were read at another layer than the one configured.',
    found: `layer ${contract.layer}`,
    expected: `layer ${context.layer}`,
    fix: `Set model.options.layer to ${contract.layer}, or extract the vectors again.`,
    file,
    kind: 'input',
  });
}

/** The injector's settings win over those noted in the data, and the reader is told. */
function injectorWarnings(contract: NlaContract, { injector, model }: DatasetContext): Warning[] {
  const scale = injector.scale(model.spec.dModel);
  const noted = contract.injectionScale;
  if (noted === null || scale === noted) return [];
  return [
    {
      code: 'W_DATASET_SCALE',
      message: `The data was prepared for injection scale ${noted}; the configured injector uses ${scale ?? 'raw vectors'}.`,
    },
  ];
}

async function checkDocuments(splits: readonly ParquetSplit[]): Promise<void> {
  const heldOut = splits.find(({ name }) => name === 'heldOut');
  const held = new Set(await heldOut?.documents());
  for (const split of splits) {
    if (split === heldOut) continue;
    const shared = [...new Set(await split.documents())].filter((document) => held.has(document));
    if (shared.length === 0) continue;
    throw new NlaError('E_DATASET_LEAK', {
      message: `Held-out documents are also in ${split.name}.`,
      found: `${shared.length} documents, for instance ${shared.slice(0, 3).join(', ')}`,
      expected: 'no document in common',
      fix: 'Split by document before labelling.',
      file: split.file,
      kind: 'input',
    });
  }
}
