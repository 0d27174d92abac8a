import { NlaError } from '@nlakit/core';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { Asker } from './asker.js';
import type { Measurement, MeasuringProcess } from './measuring-process.js';
import { summarize, type SecondsSummary } from './summarize.js';

/** Who else measures the same work, in turn with us. */
export interface Others {
  /** A script of `peer/`. */
  readonly peer?: MeasuringProcess | undefined;
  /** The same row on the kernels of the shipped backend. */
  readonly stock?: MeasuringProcess | undefined;
  /** The process that asks this one to measure, where there is one. */
  readonly asker?: Asker | undefined;
}

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

/** What the kernels of the shipped backend took for the same work in the same run. */
export interface StockFigures {
  readonly seconds: SecondsSummary;
  /** Largest resident memory of its process, bytes; one process for each row. */
  readonly peakBytes: number;
  /** Our median over its. */
  readonly ratio: number;
  /** Largest difference between what both computed (losses), relative to it; for token ids the share that differs. */
  readonly difference: number;
}

/** The others' part of a row. */
export interface BesideOthers {
  readonly peer?: PeerFigures;
  /** Our median over the peer's. */
  readonly ratio?: number;
  readonly stock?: StockFigures;
}

/** What we measured once, and what was computed, for those who compare it: losses, or token ids. */
export interface OwnMeasurement {
  readonly seconds: number;
  readonly computed?: readonly number[];
}

/** Gathers what the others measure while we measure, so that noise of the machine hits all. */
export interface Turns {
  /** Waits until the first run may begin. */
  begin(): Promise<void>;
  /** Lets the others measure once, if there are any. The first `warmup` times do not count. Throws `E_BENCH` if they compute something else. */
  next(ours: OwnMeasurement): Promise<void>;
  /** Their figures beside our seconds. */
  compare(seconds: SecondsSummary): BesideOthers;
}

/**
 * Differences beyond these are not rounding, and times of different work are not compared: a relative one of losses, and a share of different
 * token ids, which is large because rounding may decide between two words that are as likely, and from there on the texts differ.
 */
const tolerances = { losses: 1e-4, ids: 0.5 };

/** Turns of one row; `warmup` is that of our side. */
export function createTurns({ peer, stock, asker }: Others, warmup: number): Turns {
  const peerMeasured: Measurement[] = [];
  const stockMeasured: Measurement[] = [];
  let difference = 0;
  let turns = 0;
  const askOne = async (other: MeasuringProcess | undefined, measured: Measurement[]): Promise<Measurement | undefined> => {
    const one = await other?.measure();
    if (one !== undefined && turns > warmup) measured.push(one);
    return one;
  };
  return {
    begin: async () => asker?.ready(),
    async next(ours) {
      turns += 1;
      await askOne(peer, peerMeasured);
      const theirs = await askOne(stock, stockMeasured);
      if (theirs !== undefined) difference = Math.max(difference, differenceOf(ours.computed ?? [], theirs['computed']));
      await asker?.answer({ ...ours, peakBytes: peakResidentBytes() });
    },
    compare: (ours) => ({
      ...(peer === undefined ? {} : comparePeer(ours, peerMeasured, peer)),
      ...(stock === undefined ? {} : { stock: { ...figuresOf(ours, stockMeasured), difference } }),
    }),
  };
}

function figuresOf(ours: SecondsSummary, measured: readonly Measurement[]): Omit<StockFigures, 'difference'> {
  const seconds = summarize(measured.map((one) => one.seconds));
  return { seconds, peakBytes: Math.max(...measured.map((one) => one.peakBytes)), ratio: ours.median / seconds.median };
}

function comparePeer(
  ours: SecondsSummary,
  measured: readonly Measurement[],
  { facts, startSeconds }: MeasuringProcess,
): Pick<BesideOthers, 'peer' | 'ratio'> {
  const { ratio, ...figures } = figuresOf(ours, measured);
  const { threads = Number.NaN, ...others } = facts;
  const details: Record<string, number | string> = { startSeconds, ...others };
  for (const figure of Object.keys(measured[0] ?? {})) {
    const values = measured.map((one) => one[figure]).filter((value) => typeof value === 'number');
    if (figure !== 'seconds' && figure !== 'peakBytes' && values.length > 0) details[figure] = summarize(values).median;
  }
  return { peer: { ...figures, threads: Number(threads), details }, ratio };
}

/** Whole numbers are token ids. Throws `E_BENCH` beyond {@link tolerances}. */
function differenceOf(ours: readonly number[], theirs: unknown): number {
  const others: readonly unknown[] = Array.isArray(theirs) ? theirs : [];
  const sameLength = ours.length > 0 && others.length === ours.length;
  const ids = ours.every(Number.isInteger);
  const tolerance = ids ? tolerances.ids : tolerances.losses;
  const differences = ours.map((value, at) => Math.abs(value - Number(others[at])) / (Math.abs(value) || 1));
  const difference = ids ? differences.filter((one) => one !== 0).length / ours.length : Math.max(...differences);
  if (sameLength && difference <= tolerance) return difference;
  throw new NlaError('E_BENCH', {
    message: 'The two sides do not compute the same, so their times cannot be compared.',
    found: sameLength ? `${ids ? 'a share of different token ids' : 'a relative difference'} of ${difference}` : `${others.length} figures`,
    expected: sameLength ? `at most ${tolerance}` : `${ours.length} figures`,
    fix: 'One of the engines is broken: `nla conformance` says which of its kernels.',
  });
}
