import { sourceDate } from './nla-process.js';
import { type Printed, runIn } from './run-in.js';

/** `nla` in `folder`, in this process: what need not be killed need not be started. The same date as of `startNla`. */
export async function runNla(folder: string, args: readonly string[]): Promise<Printed> {
  const before = process.env['SOURCE_DATE_EPOCH'];
  process.env['SOURCE_DATE_EPOCH'] = sourceDate;
  try {
    return await runIn(folder, args);
  } finally {
    if (before === undefined) delete process.env['SOURCE_DATE_EPOCH'];
    else process.env['SOURCE_DATE_EPOCH'] = before;
  }
}
