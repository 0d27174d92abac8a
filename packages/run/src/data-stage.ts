import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isNlaError,
  NlaError,
  type Dataset,
  type DatasetContext,
  type DatasetSplit,
  type Figures,
  type LabelEstimate,
  type SplitName,
} from '@nlakit/core';
import { filesBelow, makeFolder, sha256File, writeFileAtomically } from './file-writing.js';
import { interruption } from './interruption.js';
import { runLayer, type RunSession } from './run-session.js';

/** `data/manifest.json`: what the data stage left, with hashes. */
export interface DataManifest {
  readonly runHash: string;
  readonly datasetId: string;
  /** Files below `data/`, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** sha256 of each split, also of those that lie elsewhere. */
  readonly splits: Readonly<Partial<Record<SplitName, { readonly rows: number; readonly sha256: string }>>>;
}

/** Which part of making a dataset to do. */
export type DataPart = Pick<DatasetContext, 'until' | 'shard'>;

/** Makes (or checks) the dataset, unless that is done. Throws the dataset's errors, `E_DATA_CHANGED` and `E_INTERRUPTED`. */
export async function runDataStage(session: RunSession): Promise<{ readonly manifest: DataManifest; readonly skipped: boolean }> {
  const { layout, record, parts, log } = session;
  const before = await readManifest(layout.dataManifest);
  if (before?.runHash === record.hash && (await allPresent(layout.dataFolder, before))) {
    await checkHashes(layout.dataFolder, before);
    return { manifest: before, skipped: true };
  }

  const dataset = await parts.dataset();
  await prepareDataset(session, dataset, {});

  const files: Record<string, string> = {};
  for (const file of await filesBelow(layout.dataFolder)) {
    if (file !== 'manifest.json') files[file] = await sha256File(join(layout.dataFolder, file));
  }
  const splits: Partial<Record<SplitName, { rows: number; sha256: string }>> = {};
  for (const name of ['avSft', 'arSft', 'heldOut'] as const) {
    try {
      const split = await dataset.open(layout.dataFolder, name);
      splits[name] = { rows: split.length, sha256: split.sha256 };
    } catch (error) {
      // A dataset may lack a split; the stage that needs it says so.
      if (!isNlaError(error)) throw error;
      log.debug(`no split ${name}: ${error.message}`);
    }
  }
  const manifest: DataManifest = {
    runHash: record.hash,
    datasetId: (await dataset.describe(layout.dataFolder)).datasetId,
    files,
    splits,
  };
  await writeFileAtomically(layout.dataManifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return { manifest, skipped: false };
}

/**
 * Makes a dataset up to one of its stages, or one shard of it. Returns what the dataset says of it. Throws the dataset's errors,
 * `E_DATA_STAGE` for a stage that it does not have, and `E_INTERRUPTED`.
 */
export async function runDataPart(
  session: RunSession,
  part: DataPart,
): Promise<{ readonly figures: Figures; readonly files: readonly string[] }> {
  const dataset = await session.parts.dataset();
  if (part.until !== undefined && !(dataset.stages ?? []).includes(part.until)) {
    throw new NlaError('E_DATA_STAGE', {
      message: `The dataset of this config has no stage "${part.until}" of its own.`,
      found: dataset.stages === undefined ? 'a dataset that is made in one go' : dataset.stages.join(', '),
      fix: 'Use `nla data build`, or a dataset with stages such as @nlakit/dataset-corpus.',
      kind: 'input',
    });
  }
  return prepareDataset(session, dataset, part);
}

/** What labelling would cost, before anything is read or asked. Throws `E_DATA_STAGE` for a dataset that asks no labeler. */
export async function estimateLabels(session: RunSession): Promise<LabelEstimate> {
  const { layout, signal } = session;
  const dataset = await session.parts.dataset();
  if (dataset.estimateLabels === undefined) {
    throw new NlaError('E_DATA_STAGE', {
      message: 'The dataset of this config asks no labeler, so there is nothing to price.',
      expected: 'a dataset with a stage "label" such as @nlakit/dataset-corpus',
      kind: 'input',
    });
  }
  try {
    return await dataset.estimateLabels(await datasetContext(session));
  } catch (error) {
    throw signal.aborted && !isNlaError(error) ? interruption(`nothing was asked for ${layout.folder}`, session.resumeCommand) : error;
  }
}

async function datasetContext({ layout, record, parts, signal }: RunSession): Promise<DatasetContext> {
  const model = await parts.model();
  return { model, injector: await parts.injector(), layer: runLayer(record, model), folder: layout.dataFolder, signal };
}

async function prepareDataset(session: RunSession, dataset: Dataset, part: DataPart) {
  const { layout, events, log, signal } = session;
  const started = performance.now();
  const context = { ...(await datasetContext(session)), ...part };
  await makeFolder(layout.dataFolder);
  await events.append({ stage: 'data', type: 'start' });
  let result: { readonly figures: Figures; readonly files: readonly string[] } = { figures: {}, files: [] };
  try {
    for await (const event of dataset.prepare(context)) {
      if (event.type === 'progress') log.progress(event);
      else if (event.type === 'warning') {
        log.warn(`${event.warning.code}: ${event.warning.message}`);
        await events.append({ stage: 'data', type: 'warning', warning: event.warning });
      } else {
        result = { figures: event.figures, files: event.files };
        await events.append({ stage: 'data', type: 'done', ...result, seconds: (performance.now() - started) / 1000 });
      }
    }
  } catch (error) {
    // A dataset may throw the signal's reason from wherever it was.
    if (!signal.aborted || isNlaError(error)) throw error;
  }
  if (signal.aborted) throw interruption('the data is not complete yet', session.resumeCommand);
  return result;
}

/** Reads `data/manifest.json`; undefined where there is none. */
export async function readManifest(file: string): Promise<DataManifest | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DataManifest;
  } catch {
    // Without a readable manifest the data stage simply runs again.
    return undefined;
  }
}

/**
 * Holds a split to what the data stage saw, where it has seen it: the files of a split may lie outside the run, and change there.
 * Throws `E_DATA_CHANGED`.
 */
export async function holdSplit(session: RunSession, split: DatasetSplit): Promise<void> {
  const { dataManifest, dataFolder } = session.layout;
  const manifest = await readManifest(dataManifest);
  const seen = manifest?.runHash === session.record.hash ? manifest.splits[split.name] : undefined;
  if (seen === undefined || seen.sha256 === split.sha256) return;
  throw dataChanged(dataFolder, `${split.name}, sha256 ${split.sha256}`, `sha256 ${seen.sha256}`);
}

async function checkHashes(folder: string, { files }: DataManifest): Promise<void> {
  for (const [name, sha256] of Object.entries(files)) {
    const file = join(folder, name);
    const found = await sha256File(file);
    if (found !== sha256) throw dataChanged(file, `sha256 ${found}`, `sha256 ${sha256}`);
  }
}

function dataChanged(file: string, found: string, expected: string): NlaError {
  return new NlaError('E_DATA_CHANGED', {
    message: 'The data is not what the data stage of this run left; going on would mix two datasets.',
    file,
    found,
    expected,
    fix: 'Put the old data back, or start a run in another folder.',
    kind: 'input',
  });
}

async function allPresent(folder: string, manifest: DataManifest): Promise<boolean> {
  const present = new Set(await filesBelow(folder));
  return Object.keys(manifest.files).every((file) => present.has(file));
}
