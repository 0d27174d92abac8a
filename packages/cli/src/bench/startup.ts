import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { measure } from './measure.js';

/** Beside the bundled chunk this stands in once built; the second place is where it lies seen from the source. */
const programs = ['./bin.js', '../../dist/bin.js'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** Makes a process say its peak memory, in kilobytes, on the last line of standard error. */
const tellPeak = 'data:text/javascript,process.on("exit",()=>process.stderr.write(`\\n${process.resourceUsage().maxRSS}`))';

/** Fresh processes: until the program has said its version, and until the bundled model has generated its first token. */
async function run({ context, repeats, backend }: BenchSetting): Promise<BenchRow[]> {
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) {
    throw new NlaError('E_BENCH', {
      message: 'Starting can be measured of the built program only.',
      found: 'no bin.js',
      fix: 'Build it first: pnpm build.',
    });
  }
  const start = promisify(execFile);
  const { signal } = context.io;
  const rows: BenchRow[] = [];
  for (const [what, measured, args] of [
    ['nla --version', 'host', ['--version']],
    [
      'first token of the bundled model',
      backend,
      ['inspect', 'generate', '--model', '@nlakit/tiny-gemma4', '--tokens', '2', '--max-new', '1', '--ignore-eos', '--backend', backend],
    ],
  ] as const) {
    let peakBytes = 0;
    const { seconds } = await measure(
      async () => {
        const { stderr } = await start(process.execPath, ['--import', tellPeak, program, ...args], { cwd: context.io.cwd, signal });
        peakBytes = Math.max(peakBytes, 1024 * Number(stderr.trimEnd().split('\n').at(-1)));
      },
      { repeats, signal },
    );
    rows.push({ case: 'startup', what, backend: measured, repeats, seconds, peakBytes });
  }
  return rows;
}

/** `nla bench startup` */
export const startupCase: BenchCase = { name: 'startup', run };
