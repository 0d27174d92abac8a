import { NlaError } from '@nlakit/core';

/** Seconds of wall time over the repeats. */
export interface SecondsSummary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What {@link measure} found. */
export interface Measured {
  readonly seconds: SecondsSummary;
  /** Median of the processor time of this process, seconds: on a machine that does other work it says more than wall time. */
  readonly cpuSeconds: number;
}

/** Runs `work` once without counting it, then `repeats` times. Throws `E_INTERRUPTED` between two runs. */
export async function measure(
  work: () => unknown,
  { repeats, signal }: { readonly repeats: number; readonly signal: AbortSignal },
): Promise<Measured> {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  for (let run = 0; run <= repeats; run++) {
    stopIfInterrupted(signal);
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const ended = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    if (run === 0) continue;
    seconds.push((ended - started) / 1000);
    cpuSeconds.push((user + system) / 1e6);
  }
  return { seconds: summarize(seconds), cpuSeconds: summarize(cpuSeconds).median };
}

/** Median (the mean of the two in the middle of an even number), smallest and largest. Throws `RangeError` for nothing. */
export function summarize(seconds: readonly number[]): SecondsSummary {
  const sorted = [...seconds].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (min === undefined || max === undefined || low === undefined || high === undefined) throw new RangeError('nothing was measured');
  return { median: (low + high) / 2, min, max };
}

/** Throws `E_INTERRUPTED` if the user wants no more. */
export function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: nothing was recorded.' });
}
