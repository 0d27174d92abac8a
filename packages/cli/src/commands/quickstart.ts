import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Figures } from '@nlakit/core';
import { bundledModel, experimentFiles, writeNewFiles } from 'create-nlakit';
import { wholeNumber, type CommandContext } from '../command-context.js';
import { publish } from './publish.js';
import { run } from './run.js';

const name = 'quickstart';

interface EvaluationResult {
  readonly evaluator: string;
  readonly step: number;
  readonly headline: Figures;
}

interface Outcome {
  readonly run: string;
  readonly evaluations: readonly EvaluationResult[];
  readonly report: readonly string[];
}

/**
 * `nla quickstart`: a whole NLA on the bundled model, from data to a publication in a folder. Writes the experiment of `nla init` into
 * the folder unless a config lies there, so the same command goes on where it was stopped.
 */
export async function quickstart(context: CommandContext, options: { readonly steps?: string }, directory = ''): Promise<undefined> {
  const { io, log, common } = context;
  const steps = options.steps === undefined ? undefined : wholeNumber(options.steps, '--steps');
  const started = performance.now();
  const folder = resolve(io.cwd, directory === '' ? name : directory);
  const config = join(folder, 'nla.config.yaml');
  const present = new Set(await readdir(folder).catch(() => []));
  if (present.has('nla.config.yaml')) log.info(`using ${shown(config, io.cwd)}`);
  else {
    const files = await experimentFiles(name, bundledModel);
    const wanted = Object.entries(files).filter(([file]) => !present.has(file));
    await writeNewFiles(folder, Object.fromEntries(wanted), 'Choose another folder: nla quickstart my-quickstart.');
    log.info(`wrote ${shown(config, io.cwd)}`);
  }

  const runFolder = resolve(io.cwd, common.runDir ?? join(folder, 'runs', name));
  const set = [...(steps === undefined ? [] : shortTrial(steps)), ...(common.set ?? [])];
  const { evaluations, report } = await outcomeOf<Outcome>(context, { ...common, runDir: runFolder, set }, (inner) =>
    run(inner, {}, config),
  );
  const published = await outcomeOf<{ readonly destination: string; readonly files: readonly unknown[] }>(
    context,
    { ...(common.json === undefined ? {} : { json: common.json }) },
    (inner) => publish(inner, { to: 'directory', repo: `nlakit/${name}` }, runFolder),
  );
  const seconds = (performance.now() - started) / 1000;
  const last = evaluations.findLast(({ evaluator }) => evaluator === 'h5');
  context.print(
    { folder, config, run: runFolder, evaluations, report, published: published.destination, files: published.files.length, seconds },
    () =>
      [
        '',
        ...(last === undefined ? [] : [verdict(last), '']),
        `${seconds.toFixed(0)} s. Open the report: ${report.find((file) => file.endsWith('index.html')) ?? runFolder}`,
        `Next: nla explain ${shown(runFolder, io.cwd)} --text "oak: a large evergreen tree"`,
      ].join('\n'),
  );
  return undefined;
}

/** Overrides for a run that shows that everything works, and is too short to learn anything. */
function shortTrial(steps: number): string[] {
  return [
    'dataset.options.rowsPerTopic=4',
    'dataset.options.heldOutPerTopic=2',
    ...['ar', 'av'].flatMap((role) => [
      `trainers.${role}.options.steps=${steps}`,
      `trainers.${role}.options.saveEvery=${steps}`,
      `trainers.${role}.options.warmup=0`,
    ]),
    'evaluators.h5.options.rows=12',
    `evaluators.h5.options.at=[${steps}]`,
  ];
}

/** Runs another command and returns what it printed as data; its text is shown unless one JSON object is asked for. */
async function outcomeOf<Data>(
  context: CommandContext,
  common: CommandContext['common'],
  command: (inner: CommandContext) => Promise<unknown>,
): Promise<Data> {
  let printed: unknown;
  await command({
    ...context,
    common,
    print: (data, text) => {
      printed = data;
      if (common.json !== true) context.print(data, text);
    },
  });
  return printed as Data;
}

/** What the last checkpoint's words carry, in one sentence. */
function verdict({ step, headline }: EvaluationResult): string {
  const { n = 0, difference = NaN, low = NaN, high = NaN } = headline;
  const figures = `AV_OUT − SHUFFLED ${difference.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}], ${n} held-out rows, step ${step}`;
  return low > 0
    ? `The AR does better with the AV's words than with another row's: ${figures}.`
    : `The AR does no better with the AV's words than with another row's: ${figures}.`;
}

function shown(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') || short === '' ? path : short;
}
