import { reopenSession, runEvalStage } from '@nlakit/run';
import { overridesOf, runTarget, usage, wholeNumber, wholeNumbers, type CommandContext } from '../command-context.js';
import { headlineTable } from '../headline-table.js';

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
  const session = await reopenSession(target.runFolder, {
    host: context.host,
    log: context.log,
    signal: context.io.signal,
    overrides: overridesOf(context),
    resumeCommand: `nla eval ${folder}`,
  });
  try {
    const results = await runEvalStage(session, {
      ...(options.evaluator === undefined ? {} : { evaluator: options.evaluator }),
      ...(steps === undefined ? {} : { steps }),
      ...(rows === undefined ? {} : { rows }),
    });
    const only = results.length === 1 ? results[0]?.evaluation : undefined;
    context.print(only ?? { evaluations: results.map(({ evaluation }) => evaluation) }, () =>
      [
        headlineTable(results.map(({ evaluation: { id, step, headline } }) => ({ evaluator: id, step, headline }))),
        ...results.map(({ file, skipped }) => `${skipped ? 'already there: ' : ''}${file}`),
      ].join('\n'),
    );
  } finally {
    await session.dispose();
  }
  return undefined;
}
