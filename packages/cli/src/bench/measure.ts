import { createTurns, type BesideOthers, type Others } from './measure-in-turn.js';
import { stopIfInterrupted } from './stop-if-interrupted.js';
import { summarize, type SecondsSummary } from './summarize.js';

/** What {@link measure} found. */
export interface Measured extends BesideOthers {
  readonly seconds: SecondsSummary;
  /** Median of the processor time of this process, seconds: on a machine that does other work it says more than wall time. */
  readonly cpuSeconds: number;
}

/**
 * Runs `work` `warmup` times without counting it, then `repeats` times; the others, where there are any, have their turn after each, and
 * where they compute the same, `computed` says what the last run did. Throws `E_INTERRUPTED` between two runs.
 */
export async function measure(
  work: () => unknown,
  {
    repeats,
    warmup,
    signal,
    computed,
    ...others
  }: {
    readonly repeats: number;
    readonly warmup: number;
    readonly signal: AbortSignal;
    readonly computed?: () => readonly number[];
  } & Others,
): Promise<Measured> {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  const turns = createTurns(others, warmup);
  await turns.begin();
  for (let run = 0; run < warmup + repeats; run++) {
    stopIfInterrupted(signal);
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const took = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    if (run >= warmup) {
      seconds.push(took);
      cpuSeconds.push((user + system) / 1e6);
    }
    await turns.next({ seconds: took, ...(computed === undefined ? {} : { computed: computed() }) });
  }
  const summary = summarize(seconds);
  return { seconds: summary, cpuSeconds: summarize(cpuSeconds).median, ...turns.compare(summary) };
}
