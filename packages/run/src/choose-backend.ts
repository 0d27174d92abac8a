import { isNlaError, type BackendCapabilities } from '@nlakit/core';
import { stableHash } from './canonical-json.js';
import type { PreparedSlot } from './resolve-run.js';
import type { RunParts } from './run-parts.js';

/** What was found out about one backend that `auto` could become. */
export interface BackendTrial {
  readonly use: string;
  readonly ok: boolean;
  /** Rate of the matrix product of its self-test, 10⁹ operations per second. */
  readonly gflops?: number;
  /** Whether it computes norms, attention and losses as chains of stock operations, having no kernels for them. */
  readonly composed?: true;
  /** Why it is not ok. */
  readonly reason?: string;
  /** Whether this machine lacks what it needs (`E_BACKEND_UNAVAILABLE`), which is nothing to be warned of. */
  readonly absent?: true;
}

/** Which backend `auto` became, and why. */
export interface BackendChoice {
  readonly use: string;
  /** One sentence without figures, so that two runs of one config say the same. */
  readonly reason: string;
  readonly trials: readonly BackendTrial[];
}

/**
 * How many times as fast as the best one before it a backend has to be to be taken. Candidates are in an order (wasm first, which is there
 * everywhere), and self-tests take a moment on a machine that may do other work: noise must not decide between equals.
 */
const clearlyFaster = 1.5;

/**
 * How many times as fast its products have to be where the rest is chains of stock operations: in small models these take most of the
 * time. As `docs/results/engines.md` has it for TensorFlow with and without kernels of our own.
 */
const priceOfComposing = 5;

const remembered = new Map<string, BackendTrial>();

/**
 * Tries every candidate in order, each started, tested and ended again. What one was found to be is remembered for the life of the
 * process, and no longer: drivers and installations change. Resolves to all trials.
 */
export async function tryBackends(
  candidates: readonly PreparedSlot<'backend'>[],
  partsOf: (candidate: PreparedSlot<'backend'>) => RunParts,
): Promise<BackendTrial[]> {
  const trials: BackendTrial[] = [];
  for (const candidate of candidates) {
    const { use, name, version, options } = candidate.slot;
    const key = stableHash({ use, name, version, options });
    const trial = remembered.get(key) ?? (await tryBackend(use, partsOf(candidate)));
    remembered.set(key, trial);
    trials.push(trial);
  }
  return trials;
}

async function tryBackend(use: string, parts: RunParts): Promise<BackendTrial> {
  try {
    const backend = await parts.backend();
    const { ok, gflops, detail } = await backend.selfTest();
    return ok ? { use, ok, gflops, ...composing(backend.capabilities) } : { use, ok, reason: `it fails its self-test: ${detail}` };
  } catch (error) {
    // Why a backend does not start is the answer here, whatever kind of error it is.
    const absent = isNlaError(error) && error.code === 'E_BACKEND_UNAVAILABLE' ? ({ absent: true } as const) : {};
    return { use, ok: false, reason: error instanceof Error ? error.message : String(error), ...absent };
  } finally {
    await parts.dispose();
  }
}

/** What {@link chooseFastest} has to know of what a backend can do. */
export function composing({ kernels }: Pick<BackendCapabilities, 'kernels'>): Pick<BackendTrial, 'composed'> {
  return kernels.includes('NlaRmsNorm') ? {} : { composed: true };
}

/** The fastest that passes, as `clearlyFaster` understands it; undefined if none does. */
export function chooseFastest(trials: readonly BackendTrial[]): BackendChoice | undefined {
  const passed = trials.filter(({ ok }) => ok);
  let best = passed[0];
  for (const trial of passed.slice(1)) {
    if (best !== undefined && rate(trial) >= clearlyFaster * rate(best)) best = trial;
  }
  if (best === undefined) return undefined;
  const reason =
    passed.length > 1
      ? best === passed[0]
        ? `none of the others that pass their self-test is clearly faster`
        : `clearly faster than the others that pass their self-test`
      : 'the only one that passes its self-test';
  return { use: best.use, reason, trials };
}

function rate({ gflops = 0, composed }: BackendTrial): number {
  return composed === true ? gflops / priceOfComposing : gflops;
}
