import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isNlaError, NlaError, type ReleaseFile } from '@nlakit/core';
import { filesBelow, openRun, releaseFiles, runLayout, stepsOf, type OpenedRun } from '@nlakit/run';
import { CARD_SOURCES_FILE } from './traced/card-sources.js';
import { REPORT_DATA_FILE, type RunFacts } from './run-facts.js';

/** A run, or what a publisher laid out of one. */
export interface OpenedResults {
  readonly folder: string;
  /** Undefined for a published folder. */
  readonly run: OpenedRun | undefined;
  /** Where card and page lie: `report/` of a run, the published folder itself. */
  readonly reportFolder: string;
  /** Facts of the last report; undefined where there was none. */
  readonly facts: RunFacts | undefined;
  /** The release without what a report writes. */
  readonly files: readonly ReleaseFile[];
}

/** Whether a path of a release is written by the report. */
function isOfReport(path: string): boolean {
  return ['README.md', 'index.html', CARD_SOURCES_FILE, REPORT_DATA_FILE].includes(path) || path.startsWith('figures/');
}

/** Every file of a release: of a run with its report, of a published folder as it lies there. Throws `E_RUN_MISSING`. */
export async function filesOfResults(folder: string): Promise<readonly ReleaseFile[]> {
  const absolute = resolve(folder);
  const run = await openRun(absolute).catch(ifNoRun);
  if (run !== undefined) {
    if ((await run.steps('av')).length > 0) return releaseFiles(run);
    return filesIn(run.layout.reportFolder);
  }
  // Looked at first: somebody's home folder is not to be walked through.
  const isPublished = (await stepsOf(runLayout(absolute).checkpoints('av'))).length > 0 || (await exists(join(absolute, REPORT_DATA_FILE)));
  if (isPublished) return filesIn(absolute);
  throw new NlaError('E_RUN_MISSING', {
    message: 'This is neither a run nor a published trajectory.',
    file: absolute,
    found: `no run.json, no ${REPORT_DATA_FILE}, and no step folder below trajectory/`,
    expected: 'a folder made by `nla run` or `nla publish`',
    kind: 'input',
  });
}

/**
 * Opens a run or a published folder for its report. Throws `E_RUN_MISSING` for any other folder, `E_REPORT_DATA` for a published folder
 * without the facts of its run.
 */
export async function openResults(folder: string): Promise<OpenedResults> {
  const absolute = resolve(folder);
  const files = (await filesOfResults(absolute)).filter(({ path }) => !isOfReport(path));
  const run = await openRun(absolute).catch(ifNoRun);
  const reportFolder = run === undefined ? absolute : runLayout(absolute).reportFolder;
  const facts = await readFacts(join(reportFolder, REPORT_DATA_FILE), run !== undefined);
  return { folder: absolute, run, reportFolder, facts, files };
}

async function filesIn(folder: string): Promise<readonly ReleaseFile[]> {
  return (await filesBelow(folder)).filter((path) => path !== 'run.lock').map((path) => ({ path, source: { file: join(folder, path) } }));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function ifNoRun(error: unknown): undefined {
  if (isNlaError(error) && error.code === 'E_RUN_MISSING') return undefined;
  throw error;
}

/** A run can make its facts again; what was published alone has only these. */
async function readFacts(file: string, canBeMade: boolean): Promise<RunFacts | undefined> {
  let found: string;
  try {
    const facts = JSON.parse(await readFile(file, 'utf8')) as RunFacts;
    if ((facts.schema as unknown) === 1) return facts;
    found = `schema ${String(facts.schema)}`;
  } catch (error) {
    found = error instanceof Error ? error.message : String(error);
  }
  if (canBeMade) return undefined;
  throw new NlaError('E_REPORT_DATA', {
    message: 'This published folder lacks the facts of its run, so its report cannot be made again.',
    file,
    found,
    expected: `the ${REPORT_DATA_FILE} that a report writes beside its card`,
    fix: 'Publish the run again with this version of nlakit.',
    kind: 'input',
  });
}
