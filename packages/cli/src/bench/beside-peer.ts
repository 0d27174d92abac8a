import type { BenchSetting } from './bench-case.js';
import type { PeerMeasurement, PeerProcess } from './peer-python.js';
import { summarize, type SecondsSummary } from './summarize.js';

/** What Python took for the same work in the same run. */
export interface PeerFigures {
  readonly seconds: SecondsSummary;
  /** Largest resident memory of its process, bytes; one process for each row. */
  readonly peakBytes: number;
  /** Threads that torch computed with. */
  readonly threads: number;
  /** Further figures of the script, medians where they were measured each time. */
  readonly details: Readonly<Record<string, number | string>>;
}

/** The peer's part of a row: its figures, and our median over its. */
export interface BesidePeer {
  readonly peer?: PeerFigures;
  readonly ratio?: number;
}

/** Runs `work` beside a script of `peer/` that has prepared with `settings`, or beside nothing where no peer was asked for. */
export async function besidePeer<Result>(
  { peer }: Pick<BenchSetting, 'peer'>,
  script: string,
  settings: object,
  work: (peer: PeerProcess | undefined) => Promise<Result>,
): Promise<Result> {
  const process = await peer?.start(script, settings);
  try {
    return await work(process);
  } finally {
    await process?.close();
  }
}

/** Gathers what a peer measures while we measure, so that noise of the machine hits both. */
export interface PeerTimer {
  /** Lets the peer measure once, if there is one. The first `warmup` times do not count. */
  turn(): Promise<void>;
  /** Its figures beside our seconds; nothing where there is no peer. */
  compare(seconds: SecondsSummary): BesidePeer;
}

/** A timer of one row; `warmup` is that of our side. */
export function createPeerTimer(peer: PeerProcess | undefined, warmup: number): PeerTimer {
  const measured: PeerMeasurement[] = [];
  let turns = 0;
  return {
    async turn() {
      const one = await peer?.measure();
      turns += 1;
      if (one !== undefined && turns > warmup) measured.push(one);
    },
    compare: (ours) => (peer === undefined ? {} : comparePeer(ours, measured, peer)),
  };
}

function comparePeer(
  ours: SecondsSummary,
  measured: readonly PeerMeasurement[],
  { facts, startSeconds }: PeerProcess,
): Required<BesidePeer> {
  const seconds = summarize(measured.map((one) => one.seconds));
  const { threads = Number.NaN, ...others } = facts;
  const details: Record<string, number | string> = { startSeconds, ...others };
  for (const figure of Object.keys(measured[0] ?? {})) {
    const values = measured.map((one) => one[figure]).filter((value) => typeof value === 'number');
    if (figure !== 'seconds' && figure !== 'peakBytes' && values.length > 0) details[figure] = summarize(values).median;
  }
  const peakBytes = Math.max(...measured.map((one) => one.peakBytes));
  return { peer: { seconds, peakBytes, threads: Number(threads), details }, ratio: ours.median / seconds.median };
}
