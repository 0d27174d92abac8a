import type { CommandContext } from '../command-context.js';
import type { SecondsSummary } from './measure.js';

/** What a case works with. */
export interface BenchSetting {
  readonly context: CommandContext;
  /** Specifier of the backend to measure. */
  readonly backend: string;
  /** Tokens in a row, where the case has rows and `--length` was given. */
  readonly length?: number;
  /** Model folder, for the cases that take one. */
  readonly model?: string;
  /** Times each thing is measured, after one run that does not count (cases of minutes count the first, too). */
  readonly repeats: number;
}

/** One measured thing. */
export interface BenchRow {
  /** Name of the case. */
  readonly case: string;
  /** What of the case: `quantize bf16`. */
  readonly what: string;
  /** Plugin name of the backend, or `host` for work on none. */
  readonly backend: string;
  readonly repeats: number;
  readonly seconds: SecondsSummary;
  /** Median processor time of this process, seconds, where the work is done in it. */
  readonly cpuSeconds?: number;
  /** Work per second at the median, in `rateUnit`. */
  readonly rate?: number;
  /** `weights/s`, `tokens/s`, `FLOP/s`. */
  readonly rateUnit?: string;
  /** Largest resident memory of the process so far, bytes; run one case at a time where that matters. */
  readonly peakBytes: number;
  /** Largest memory of the backend in this case so far, bytes. */
  readonly backendPeakBytes?: number;
  /** Further figures and settings of the row. */
  readonly details?: Readonly<Record<string, number | string | boolean>>;
}

/** A benchmark: `nla bench <name>`. */
export interface BenchCase {
  readonly name: string;
  run(setting: BenchSetting): Promise<readonly BenchRow[]>;
}
