import type { CommandContext } from '../command-context.js';
import type { KernelTime } from '@nlakit/ops';
import type { Asker } from './asker.js';
import type { Roof } from './gemm-roof.js';
import type { BesideOthers } from './measure-in-turn.js';
import type { PeerPython } from './peer-python.js';
import type { SecondsSummary } from './summarize.js';

/** What else a row can be measured against; `roof`: the engine's own matrix products, `stock`: the kernels of the library under it. */
export const baselineNames = ['roof', 'stock'] as const;
export type BaselineName = (typeof baselineNames)[number];

/** What a case works with. */
export interface BenchSetting {
  readonly context: CommandContext;
  /** Specifier of the backend to measure. */
  readonly backend: string;
  /** Its options, where `--set backend.options.…` gave some. */
  readonly backendOptions?: Readonly<Record<string, unknown>>;
  /** Tokens in a row, where the case has rows and `--length` was given. */
  readonly length?: number;
  /** Model folder, for the cases that take one. */
  readonly model?: string;
  /** Times each thing is measured. */
  readonly repeats: number;
  /** Runs before them that do not count: the first compiles, grows heaps and fills caches. */
  readonly warmup: number;
  /** Only rows whose `what` holds this text. */
  readonly only?: string;
  /** What to measure beside, where the case has something to compare. */
  readonly peer?: PeerPython;
  /** The process that asks this one to measure, where there is one. */
  readonly asker?: Asker;
  /** What else to measure of the same work, where the case has it. */
  readonly baselines: readonly BaselineName[];
  /** Whether one run more is taken apart by kernel, where the case has it. */
  readonly profiled: boolean;
  /** Whether a step that would compute activations again keeps them instead: faster, and larger. Python still computes them again. */
  readonly keepActivations: boolean;
  /** What the peer computes in where the case leaves it open. */
  readonly peerDtype: 'bf16' | 'f32';
}

/** One measured thing. */
export interface BenchRow extends BesideOthers {
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
  /** The matrix products of the engine at the shapes of the row, and the share of their rate that it reaches. */
  readonly roof?: Roof;
  /** Where the time of one further run went, longest first. */
  readonly profile?: readonly KernelTime[];
  /** Further figures and settings of the row. */
  readonly details?: Readonly<Record<string, number | string | boolean>>;
}

/** Whether the command line wants that row. */
export function isWanted({ only }: Pick<BenchSetting, 'only'>, what: string): boolean {
  return only === undefined || what.includes(only);
}

/** A benchmark: `nla bench <name>`. */
export interface BenchCase {
  readonly name: string;
  run(setting: BenchSetting): Promise<readonly BenchRow[]>;
}
