import { resolve } from 'node:path';
import { machineFacts } from '@nlakit/run';
import { atomicWriteFile } from '@nlakit/safetensors';
import { alignColumns } from '../align-columns.js';
import type { BenchRow } from '../bench/bench-case.js';
import { benchCases } from '../bench/bench-cases.js';
import { usage, wholeNumber, type CommandContext } from '../command-context.js';
import { formatBytes } from '../format-bytes.js';

/** Times each thing is measured. */
const usualRepeats = 5;

/** `nla bench`: one case, or all that need no name. */
export async function bench(
  context: CommandContext,
  options: { readonly length?: string; readonly model?: string; readonly repeats?: string; readonly out?: string },
  name = '',
): Promise<undefined> {
  const { io, host, log, common } = context;
  const chosen =
    name === '' ? [...benchCases].filter(([, entry]) => entry.onlyByName !== true) : [...benchCases].filter(([key]) => key === name);
  if (chosen.length === 0) throw usage('The case', name, [...benchCases.keys()].join(', '));
  const backend = common.backend === undefined || common.backend === 'auto' ? (host.backends?.[0] ?? 'auto') : common.backend;
  const length = options.length === undefined ? undefined : wholeNumber(options.length, '--length', 8);

  const rows: BenchRow[] = [];
  for (const [done, [key, entry]] of chosen.entries()) {
    log.progress({ task: `bench ${key}`, done, total: chosen.length, unit: 'cases' });
    const { run } = await entry.load();
    const setting = {
      context,
      backend,
      repeats: options.repeats === undefined ? (entry.repeats ?? usualRepeats) : wholeNumber(options.repeats, '--repeats'),
      ...(length === undefined ? {} : { length }),
      ...(options.model === undefined ? {} : { model: options.model }),
    };
    rows.push(...(await run(setting)));
  }
  const result = { rows, machine: machineFacts() };
  if (options.out !== undefined) {
    const recorded = { writtenAt: new Date().toISOString(), ...result };
    await atomicWriteFile(resolve(io.cwd, options.out), `${JSON.stringify(recorded, null, 2)}\n`);
  }
  context.print(result, () => table(rows));
  return undefined;
}

function table(rows: readonly BenchRow[]): string {
  const header = ['case', 'what', 'backend', 'median', 'min', 'max', 'processor', 'rate', 'peak'];
  return alignColumns(
    [
      header,
      ...rows.map(({ case: name, what, backend, seconds, cpuSeconds, rate, rateUnit, peakBytes }) => [
        name,
        what,
        backend,
        ...[seconds.median, seconds.min, seconds.max].map((value) => `${value.toPrecision(3)} s`),
        cpuSeconds === undefined ? '' : `${cpuSeconds.toPrecision(3)} s`,
        rate === undefined ? '' : `${shorten(rate)} ${rateUnit ?? ''}`,
        formatBytes(peakBytes),
      ]),
    ],
    3,
  );
}

/** `214 M` */
function shorten(value: number): string {
  const step = [1e9, 1e6, 1e3, 1].find((unit) => value >= unit) ?? 1;
  return `${(value / step).toPrecision(3)}${{ 1e9: ' G', 1e6: ' M', 1e3: ' k' }[step] ?? ''}`;
}
