import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { dataStats, openAnySplit, SPLIT_FILES } from '@nlakit/dataset';
import type { DataStats } from '@nlakit/dataset';
import { runLayout } from '@nlakit/run';
import { atomicWriteFile } from '@nlakit/safetensors';
import { alignColumns } from '../align-columns.js';
import type { CommandContext } from '../command-context.js';
import { exists } from '../exists.js';
import { releaseSupplement, type ReleaseOptions } from '../release-options.js';

/** `nla data stats`: what is in a data file, a dataset folder or a run's data; with `--html` as a data sheet, too. */
export async function dataStatsCommand(
  context: CommandContext,
  options: ReleaseOptions & { readonly html?: string | true },
  path = '',
): Promise<undefined> {
  const { io, log } = context;
  const place = await findData(resolve(io.cwd, path));
  const supplement = await releaseSupplement(options, io);
  const files: DataStats[] = [];
  const documents = new Map<string, Set<string>>();
  const notes: string[] = [];
  for (const file of place.files) {
    const opened = await openAnySplit(file, supplement);
    notes.push(...opened.notes.map((note) => `${basename(file)}: ${note}`));
    const task = `read ${basename(file)}`;
    files.push(
      await dataStats(opened.split, (done) => {
        log.progress({ task, done, total: opened.split.length, unit: 'rows' });
      }),
    );
    documents.set(basename(file), new Set(await opened.split.documents()));
  }
  const shared = sharedDocuments(documents);
  for (const note of notes) log.warn(note);
  const sheet = options.html === undefined ? undefined : options.html === true ? place.sheet : resolve(io.cwd, options.html);
  if (sheet !== undefined) {
    const { dataSheetPage } = await import('@nlakit/report');
    await atomicWriteFile(sheet, dataSheetPage({ title: place.title, files, shared, notes }));
  }
  context.print({ files, shared, notes, ...(sheet === undefined ? {} : { sheet }) }, () =>
    [
      ...files.map(describe),
      ...shared.map(({ first, second, documents: count }) => `${first} and ${second}: ${count === 0 ? 'no' : count} documents in common`),
      ...(sheet === undefined
        ? []
        : [`data sheet: ${sheet}${place.run === undefined ? '' : `; nla report ${path} links it in the report`}`]),
    ].join('\n\n'),
  );
  return undefined;
}

interface FoundData {
  readonly title: string;
  readonly files: readonly string[];
  /** The run that the data is of. */
  readonly run?: string;
  /** Where a data sheet goes unless a place is named. */
  readonly sheet: string;
}

async function findData(path: string): Promise<FoundData> {
  const file = path.replace(/@\[[^\]]*\]$/, '');
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === true) return { title: basename(path), files: [path], sheet: join(dirname(file), 'data-sheet.html') };
  const layout = runLayout(path);
  const isRun = await exists(layout.runFile);
  const folder = isRun ? layout.dataFolder : path;
  const names = [...Object.values(SPLIT_FILES), 'rl.parquet', 'base.parquet'];
  const files: string[] = [];
  for (const name of names) if (await exists(join(folder, name))) files.push(join(folder, name));
  if (files.length > 0) {
    const sheet = join(isRun ? layout.reportFolder : path, 'data-sheet.html');
    return { title: basename(path), files, sheet, ...(isRun ? { run: path } : {}) };
  }
  throw new NlaError('E_DATASET_OPEN', {
    message: 'There is no data here.',
    expected: `a parquet file, or a folder or run with ${names.join(', ')}`,
    fix: 'Name the file itself, or run `nla data build` first.',
    file: path,
    kind: 'input',
  });
}

function sharedDocuments(documents: ReadonlyMap<string, ReadonlySet<string>>) {
  const all = [...documents];
  return all.flatMap(([first, ones], at) =>
    all
      .slice(at + 1)
      .map(([second, others]) => ({ first, second, documents: [...ones].filter((document) => others.has(document)).length })),
  );
}

function describe(stats: DataStats): string {
  const { norms, tokens, words, baselines, duplicates } = stats;
  const range = ({
    summary,
  }: {
    readonly summary: { readonly median: number; readonly minimum: number; readonly maximum: number };
  }): string => `median ${short(summary.median)}, ${short(summary.minimum)} to ${short(summary.maximum)}`;
  const counts = (list: readonly { readonly name: string; readonly count: number }[], most: number): string =>
    list
      .slice(0, most)
      .map(({ name, count }) => `${name} ${count}`)
      .join(', ') + (list.length > most ? `, ${list.length - most} more` : '');
  return alignColumns(
    [
      [basename(stats.file), `${stats.stage}, ${stats.rows} rows of ${stats.documents} documents, ${stats.labelled} labelled`],
      ['vectors', `${stats.dModel} components of block ${stats.layer}; length ${range(norms)}${stats.normalised ? ' (rescaled!)' : ''}`],
      ...(baselines === null
        ? []
        : [['baselines', `rho ${short(baselines.rho)}, 1 - rho² ${short(baselines.rawvar)}, 2 (1 - rho) ${short(baselines.meannorm)}`]]),
      ['tokens', range(tokens)],
      ...(words === null ? [] : [['words', `${range(words)}; ${stats.distinctWords} distinct`]]),
      ['families', counts(stats.families, 10)],
      ...(stats.labelers.length === 0 ? [] : [['labelled by', counts(stats.labelers, 6)]]),
      ...(stats.topWords.length === 0 ? [] : [['label words', counts(stats.topWords, 12)]]),
      [
        'repeated',
        `${duplicates.rowIds} row ids, ${duplicates.vectors} vectors, ${duplicates.texts} texts, ${duplicates.explanations} explanations`,
      ],
    ],
    2,
  );
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
