import { runCli } from '../../src/index.js';
import { sourceDate, type Ended } from './nla-process.js';

/** `nla` in `folder`, in this process: what need not be killed need not be started. The same date as of `startNla`. */
export async function runNla(folder: string, args: readonly string[]): Promise<Pick<Ended, 'code' | 'out' | 'error'>> {
  const before = process.env['SOURCE_DATE_EPOCH'];
  process.env['SOURCE_DATE_EPOCH'] = sourceDate;
  let [out, error] = ['', ''];
  try {
    const code = await runCli(args, {
      out: (text) => (out += text),
      error: (text) => (error += text),
      terminal: false,
      interactive: false,
      color: false,
      columns: 80,
      cwd: folder,
      signal: new AbortController().signal,
    });
    return { code, out, error };
  } finally {
    if (before === undefined) delete process.env['SOURCE_DATE_EPOCH'];
    else process.env['SOURCE_DATE_EPOCH'] = before;
  }
}
