import { join, resolve } from 'node:path';
import { openRun } from '@nlakit/run';
import type { DataLicense } from '@nlakit/report';
import { usage, type CommandContext } from '../command-context.js';

interface ReportCommandOptions {
  readonly tensorboard?: string | true;
  readonly dataLicense?: readonly string[];
}

/** `nla report`: card, figures and HTML of a run or of what was published of one, or a run's events for TensorBoard. */
export async function report(context: CommandContext, options: ReportCommandOptions, folder = ''): Promise<undefined> {
  const { io } = context;
  const target = resolve(io.cwd, folder);
  const files = await write(context, target, options);
  context.print({ run: target, files }, () => files.join('\n'));
  return undefined;
}

async function write(
  { io }: CommandContext,
  folder: string,
  { tensorboard, dataLicense }: ReportCommandOptions,
): Promise<readonly string[]> {
  if (tensorboard === undefined) {
    const { writeRunReport } = await import('../write-run-report.js');
    const dataLicenses = (dataLicense ?? []).map(parseDataLicense);
    return (await writeRunReport(folder, dataLicenses.length === 0 ? {} : { dataLicenses })).files;
  }
  const { writeTensorboard } = await import('@nlakit/report');
  const { folder: runFolder } = await openRun(folder);
  return writeTensorboard(runFolder, tensorboard === true ? join(runFolder, 'tensorboard') : resolve(io.cwd, tensorboard));
}

function parseDataLicense(text: string): DataLicense {
  const at = text.indexOf('=');
  const [data, license] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at < 0 || data === '' || license === '') throw usage('--data-license', text, '<data>=<licence>, such as wikipedia=CC-BY-SA-4.0');
  return { data, license };
}
