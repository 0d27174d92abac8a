import { join, resolve } from 'node:path';
import { isNlaError, NlaError } from '@nlakit/core';
import { openRun, preparePlugin, reopenSession, runEvalStage, type EvaluatorSlot } from '@nlakit/run';
import { overridesOf, runTarget, usage, wholeNumber, wholeNumbers, type CommandContext } from '../command-context.js';
import { pluginSpecifier } from '../plugin-specifier.js';
import { resultTable } from '../result-table.js';

/** `nla eval`: measures steps of a run from disk. */
export async function evaluate(
  context: CommandContext,
  options: { readonly evaluator?: string; readonly rows?: string; readonly steps?: string },
  folder = '',
): Promise<undefined> {
  const target = await runTarget(folder, context);
  if (target.role === 'ar') throw usage('The folder', folder, 'a run folder or a step of its trajectory');
  const steps =
    options.steps !== undefined ? wholeNumbers(options.steps, '--steps') : target.step === undefined ? undefined : [target.step];
  const rows = options.rows === undefined ? undefined : wholeNumber(options.rows, '--rows');
  const evaluators = await addedEvaluators(target.runFolder, options.evaluator, context);
  const session = await reopenSession(target.runFolder, {
    evaluators,
    lock: true,
    host: context.host,
    log: context.log,
    signal: context.io.signal,
    overrides: overridesOf(context),
    resumeCommand: `nla eval ${folder}`,
  });
  try {
    const results = await runEvalStage(session, {
      ...(options.evaluator === undefined ? {} : { evaluator: evaluators[0]?.id ?? options.evaluator }),
      ...(steps === undefined ? {} : { steps }),
      ...(rows === undefined ? {} : { rows }),
    });
    const only = results.length === 1 ? results[0]?.evaluation : undefined;
    context.print(only ?? { evaluations: results.map(({ evaluation }) => evaluation) }, () =>
      [
        resultTable(results.map(({ evaluation }) => evaluation)),
        '',
        ...results.map(({ file, skipped }) => `${skipped ? 'already there: ' : ''}${file}`),
      ].join('\n'),
    );
  } finally {
    await session.dispose();
  }
  return undefined;
}

/** An evaluator that the run's config does not name: a plugin with its default options, or those that `--set` gives it by its id. */
async function addedEvaluators(runFolder: string, name: string | undefined, { host, io }: CommandContext): Promise<EvaluatorSlot[]> {
  if (name === undefined) return [];
  const { record } = await openRun(runFolder);
  if (record.evaluators.some((slot) => [slot.id, slot.name, slot.use].includes(name))) return [];
  const use = pluginSpecifier('evaluator', name);
  if (record.evaluators.some((slot) => [slot.name, slot.use].includes(use))) return [];
  const folder = resolve(runFolder, record.configFolder);
  await preparePlugin('evaluator', { use }, { folder, host }).catch((error: unknown) => {
    // Options that it needs may come by --set; that there is no such plugin is certain now, and said with what the run has.
    if (!isNlaError(error) || error.code === 'E_OPTION') return;
    const configured = record.evaluators.map((slot) => slot.id).join(', ') || 'none';
    throw new NlaError(error.code, {
      ...error.details,
      expected: `an evaluator of the run (${configured}), or an installed plugin`,
      cause: error,
    });
  });
  const id =
    name
      .replace(/^.*[/#]/, '')
      .replace(/\.[a-z]+$/, '')
      .replace(/^evaluator-/, '') || 'evaluator';
  return [{ id, use: use.startsWith('.') ? join(io.cwd, use) : use }];
}
