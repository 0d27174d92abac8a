import { createPeerTimer, type BesidePeer } from './beside-peer.js';
import type { PeerProcess } from './peer-python.js';
import { stopIfInterrupted } from './stop-if-interrupted.js';
import { summarize, type SecondsSummary } from './summarize.js';

/** What {@link measure} found. */
export interface Measured extends BesidePeer {
  readonly seconds: SecondsSummary;
  /** Median of the processor time of this process, seconds: on a machine that does other work it says more than wall time. */
  readonly cpuSeconds: number;
}

/**
 * Runs `work` `warmup` times without counting it, then `repeats` times; the peer, where there is one, has its turn after each. Throws
 * `E_INTERRUPTED` between two runs.
 */
export async function measure(
  work: () => unknown,
  {
    repeats,
    warmup,
    signal,
    peer,
  }: { readonly repeats: number; readonly warmup: number; readonly signal: AbortSignal; readonly peer?: PeerProcess | undefined },
): Promise<Measured> {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  const beside = createPeerTimer(peer, warmup);
  for (let run = 0; run < warmup + repeats; run++) {
    stopIfInterrupted(signal);
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const ended = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    if (run >= warmup) {
      seconds.push((ended - started) / 1000);
      cpuSeconds.push((user + system) / 1e6);
    }
    await beside.turn();
  }
  const summary = summarize(seconds);
  return { seconds: summary, cpuSeconds: summarize(cpuSeconds).median, ...beside.compare(summary) };
}
