import { join, resolve } from 'node:path';
import { openRun } from '@nlakit/run';
import type { CommandContext } from '../command-context.js';

/** `nla report`: card, figures and HTML of a run, or its events for TensorBoard. */
export async function report(context: CommandContext, options: { readonly tensorboard?: string | true }, folder = ''): Promise<undefined> {
  const { folder: runFolder } = await openRun(resolve(context.io.cwd, folder));
  const files = await write(context, runFolder, options.tensorboard);
  context.print({ run: runFolder, files }, () => files.join('\n'));
  return undefined;
}

async function write({ io }: CommandContext, runFolder: string, tensorboard: string | true | undefined): Promise<readonly string[]> {
  if (tensorboard === undefined) {
    const { writeRunReport } = await import('../write-run-report.js');
    return (await writeRunReport(runFolder)).files;
  }
  const { writeTensorboard } = await import('@nlakit/report');
  return writeTensorboard(runFolder, tensorboard === true ? join(runFolder, 'tensorboard') : resolve(io.cwd, tensorboard));
}
