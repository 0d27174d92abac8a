import { join, relative, resolve } from 'node:path';
import { planRuns, primarySentence, readExperiment, runExperiment, type ExperimentResult, type PlannedRun } from '@nlakit/experiment';
import { alignColumns } from '../align-columns.js';
import { overridesOf, type CommandContext } from '../command-context.js';

/** `nla experiment`: makes the arms of an experiment file, compares them, and writes the result; or says what it would make. */
export async function experiment(
  context: CommandContext,
  options: { readonly dryRun?: boolean; readonly out?: string; readonly amend?: boolean },
  path = '',
): Promise<undefined> {
  const { io, common, host, log } = context;
  const file = await readExperiment(resolve(io.cwd, path));
  const runFolder = resolve(io.cwd, common.runDir ?? join('runs', file.config.name));
  const overrides = overridesOf(context);
  const shown = (folder: string) => relative(io.cwd, folder) || folder;
  const listed = (runs: readonly PlannedRun[]) =>
    runs.map(({ arm, role, seed, folder, state, overrides: settings }) => ({
      arm,
      role,
      seed,
      folder: shown(folder),
      state,
      settings: settings.map(({ path: at, value }) => ({ path: at, value: value ?? null })),
    }));
  if (options.dryRun === true) {
    const runs = await planRuns(file, { runFolder, host, overrides });
    const { name, question, primary } = file.config;
    context.print({ dryRun: true, name, question, primary, runs: listed(runs) }, () =>
      [
        question,
        '',
        alignColumns(
          [
            ['arm', 'seed', 'state', 'run'],
            ...runs.map(({ arm, seed, state, folder }) => [arm, seed === null ? '' : String(seed), state, shown(folder)]),
          ],
          4,
        ),
        '',
        `${runs.filter(({ state }) => state === 'done').length} of ${runs.length} runs are done.`,
      ].join('\n'),
    );
    return undefined;
  }
  const flags = [
    ...(common.runDir === undefined ? [] : [`--run-dir ${common.runDir}`]),
    ...(common.backend === undefined ? [] : [`--backend ${common.backend}`]),
    ...(common.set ?? []).map((value) => `--set '${value}'`),
    ...(options.out === undefined ? [] : [`--out ${options.out}`]),
  ];
  const { result, runs, files } = await runExperiment(file, {
    runFolder,
    host,
    log,
    signal: io.signal,
    overrides,
    amend: options.amend === true,
    resumeCommand: ['nla experiment', path, ...flags].join(' '),
    ...(options.out === undefined ? {} : { out: resolve(io.cwd, options.out) }),
  });
  // All rows are in experiment.json.
  const { rows, ...summary } = result;
  context.print({ ...summary, rows: rows.length, runs: listed(runs), files }, () =>
    [table(result), '', `${result.primary.verdict}: ${primarySentence(result)}`, '', ...files.map(shown)].join('\n'),
  );
  return undefined;
}

function table({ effects, figure }: ExperimentResult): string {
  const shown = effects.filter(({ name }) => !name.startsWith('step.'));
  const digits = (value: number) => (value !== 0 && Math.abs(value) < 0.01 ? value.toPrecision(2) : value.toFixed(3));
  return `${figure}\n${alignColumns(
    [
      ['effect', 'value', '95 %', '', 'rows', 'p'],
      ...shown.map(({ meaning, value, low, high, n, p, pHolm }) => [
        meaning,
        digits(value),
        digits(low),
        digits(high),
        String(n),
        digits(pHolm ?? p),
      ]),
    ],
    1,
  )}`;
}
