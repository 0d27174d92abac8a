import { resolve } from 'node:path';
import { openRun } from '@nlakit/run';
import type { CommandContext } from '../command-context.js';

/** `nla report`: card, figures and HTML of a run. */
export async function report(context: CommandContext, _options: unknown, folder = ''): Promise<undefined> {
  const { folder: runFolder } = await openRun(resolve(context.io.cwd, folder));
  const { writeRunReport } = await import('../write-run-report.js');
  const { files } = await writeRunReport(runFolder);
  context.print({ run: runFolder, files }, () => files.join('\n'));
  return undefined;
}
