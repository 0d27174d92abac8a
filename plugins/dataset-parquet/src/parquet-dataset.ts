import { resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { Dataset, DatasetContext, DatasetEvent, NlaContract, SplitName, Warning } from '@nlakit/core';
import { describeFiles, openSplit } from '@nlakit/dataset';
import type { ParquetSplit } from '@nlakit/dataset';
import { checkContract } from '@nlakit/sidecar';
import type { ParquetDatasetOptions } from './options.js';

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/**
 * A dataset of existing parquet files, ours or kitft's. Nothing is copied or written: `prepare` checks that files and sidecars agree with
 * each other and with the model, that every vector can be used, and that held-out documents are in no training file (`E_DATASET_LEAK`).
 */
export function createParquetDataset(options: ParquetDatasetOptions, baseFolder: string): Dataset {
  const files: Readonly<Record<SplitName, string>> = {
    avSft: resolve(baseFolder, options.avSft),
    arSft: resolve(baseFolder, options.arSft),
    heldOut: resolve(baseFolder, options.heldOut),
  };
  return {
    describe: () => describeFiles(files),
    open: (_folder, split) => openSplit(files[split], split),
    prepare: (context) => prepare(files, context),
  };
}

async function* prepare(files: Readonly<Record<SplitName, string>>, context: DatasetContext): AsyncGenerator<DatasetEvent> {
  const { contract } = await describeFiles(files);
  checkLayer(contract, context, files.avSft);
  checkContract(contract, context.model.tokenizer, context.model.spec);
  for (const warning of injectorWarnings(contract, context)) yield { type: 'warning', warning };

  const splits: ParquetSplit[] = [];
  for (const name of splitNames) splits.push(await openSplit(files[name], name));
  const total = splits.reduce((sum, split) => sum + split.length, 0);
  let done = 0;
  for (const split of splits) {
    if (split.sidecar.norm !== 'none') {
      const message = `${split.file}: vectors were rescaled when they were read (norm: ${split.sidecar.norm}), so their lengths say nothing.`;
      yield { type: 'warning', warning: { code: 'W_DATASET_NORM', message } };
    }
    const step = 1024;
    for (let start = 0; start < split.length; start += step) {
      context.signal.throwIfAborted();
      const count = Math.min(step, split.length - start);
      await split.rows(Array.from({ length: count }, (_, offset) => start + offset));
      done += count;
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
