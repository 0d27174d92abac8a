import { resolve } from 'node:path';
import { retractSteps, stepName } from '@nlakit/run';
import { usage, wholeNumbers, type CommandContext } from '../command-context.js';

/** `nla retract`: marks steps of a trajectory as not to be relied on, or takes that back, and writes card and page again. */
export async function retract(
  context: CommandContext,
  options: { readonly steps: string; readonly reason?: string; readonly undo?: boolean },
  folder = '',
): Promise<undefined> {
  const undo = options.undo === true;
  const steps = wholeNumbers(options.steps, '--steps');
  if (!undo && (options.reason ?? '').trim() === '') throw usage('--reason', options.reason ?? 'none', 'what is wrong with these steps');
  const target = resolve(context.io.cwd, folder);
  const { filesOfResults } = await import('@nlakit/report');
  // Before anything is written into what may be somebody else's folder.
  await filesOfResults(target);
  const retractions = await retractSteps(target, { steps, reason: options.reason ?? '', undo });
  const { writeRunReport } = await import('../write-run-report.js');
  const { files } = await writeRunReport(target);
  const retracted = [...retractions.steps.values()].map(({ step, reason, at }) => ({ step, reason, at }));
  context.print({ folder: target, retracted, history: retractions.history, files }, () =>
    [
      ...retracted.map(({ step, reason }) => `${stepName(step)}  retracted: ${reason}`),
      ...(retracted.length === 0 ? ['No step is retracted.'] : []),
      `The card says so: ${files.at(-1) ?? ''}`,
      'What is published already has to be published again.',
    ].join('\n'),
  );
  return undefined;
}
