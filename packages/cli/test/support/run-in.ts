import type { RunHost } from '@nlakit/run';
import { runCli } from '../../src/index.js';

/** What a command left behind: its exit code, and what it printed. */
export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** `nla` in `folder`, in this process: no terminal, nobody to ask, no colour. */
export async function runIn(folder: string, args: readonly string[], host?: RunHost): Promise<Printed> {
  let [out, error] = ['', ''];
  const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal: new AbortController().signal };
  const code = await runCli(args, { ...io, out: (text) => (out += text), error: (text) => (error += text) }, host);
  return { code, out, error };
}
