import { join } from 'node:path';
import type { Logger } from '@nlakit/core';
import { writeFigure } from '@nlakit/report';
import { interruption, silentLogger, writeFileAtomically, type ConfigOverride, type RunHost } from '@nlakit/run';
import { experimentFigures } from './experiment-figures.js';
import { experimentPage } from './experiment-page.js';
import type { ExperimentResult } from './experiment-result.js';
import { makeRun } from './make-run.js';
import { readMeasurement } from './measurement.js';
import type { ExperimentFile } from './read-experiment.js';
import { register } from './registration.js';
import { planRuns, type PlannedRun } from './run-plan.js';
import { summarizeExperiment } from './summarize-experiment.js';

/** What {@link runExperiment} works with. */
export interface RunExperimentOptions {
  /** Folder of the experiment's runs. */
  readonly runFolder: string;
  /** Folder of the result. Default: `result/` in the run folder. */
  readonly out?: string;
  readonly host?: RunHost;
  readonly log?: Logger;
  readonly signal?: AbortSignal;
  readonly overrides?: readonly ConfigOverride[];
  /** Go on although the question was changed after something had been measured; the result says so. */
  readonly amend?: boolean;
  readonly resumeCommand?: string;
}

/** A finished experiment. */
export interface FinishedExperiment {
  readonly result: ExperimentResult;
  readonly runs: readonly PlannedRun[];
  /** Absolute paths: `README.md`, `experiment.json`, figures. */
  readonly files: readonly string[];
}

/**
 * Makes the runs that an experiment still lacks, compares its arms and writes the result: `experiment.json`, `README.md`, figures.
 * Runs that are done are not touched. Throws what planning, the stages and the comparison throw, and `E_EXPERIMENT_CHANGED`.
 */
export async function runExperiment(file: ExperimentFile, options: RunExperimentOptions): Promise<FinishedExperiment> {
  const { config } = file;
  const { runFolder, host = {}, log = silentLogger, signal = new AbortController().signal } = options;
  const planning = { runFolder, host, overrides: options.overrides ?? [] };
  let runs = await planRuns(file, planning);
  const registration = await register(config, runFolder, options.amend === true);
  const making = { host, log, signal, resumeCommand: options.resumeCommand ?? 'the same command' };
  const count = runs.length;
  for (let place = 0; place < count; place += 1) {
    // Anew each time: where the shared reconstructor lies is known only when it is made.
    if (place > 0) runs = await planRuns(file, planning);
    const run = runs[place];
    if (run === undefined) break;
    const name = run.seed === null ? run.arm : `${run.arm}, seed ${run.seed}`;
    log.info(`${config.name}: ${name} (${place + 1} of ${count})${run.state === 'done' ? ': already there' : ''}`);
    if (run.state === 'done') continue;
    if (signal.aborted) throw interruption(`${place} of ${count} runs are done`, making.resumeCommand);
    await makeRun(run, config, making);
  }
  runs = await planRuns(file, planning);
  const result = summarizeExperiment(config, await readMeasurement(runs, config), registration);
  return { result, runs, files: await writeExperiment(result, options.out ?? join(runFolder, 'result')) };
}

/** Writes `README.md`, `experiment.json` and the figures of a result. Returns their paths. */
export async function writeExperiment(result: ExperimentResult, folder: string): Promise<string[]> {
  const figures = experimentFigures(result);
  const files = [join(folder, 'README.md'), join(folder, 'experiment.json')];
  for (const { name, spec } of figures) files.push(...(await writeFigure(join(folder, 'figures', name), spec)));
  await writeFileAtomically(join(folder, 'experiment.json'), experimentJson(result));
  await writeFileAtomically(
    join(folder, 'README.md'),
    experimentPage(
      result,
      figures.map(({ name }) => name),
    ),
  );
  return files;
}

/** Indented, but each row on a line of its own. */
function experimentJson({ rows, ...rest }: ExperimentResult): string {
  const text = JSON.stringify({ ...rest, rows: [] }, null, 1);
  const lines = rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n');
  return `${text.slice(0, text.lastIndexOf('[]'))}[\n${lines}\n ]\n}\n`;
}
