import { setTimeout as delay } from 'node:timers/promises';
import { HubFailure } from './hub-failure.js';

/** How long to go on trying. */
export interface RetryPolicy {
  /** Attempts in a row without any progress before the error stands. */
  readonly attempts: number;
  /** Wait before the second attempt; it doubles from then on, and a random part of up to a half is taken off. */
  readonly firstWaitMilliseconds: number;
  readonly longestWaitMilliseconds: number;
  /** Longest wait that a server may ask for; a longer one ends the attempts. */
  readonly longestRetryAfterMilliseconds: number;
  /** A body that brings nothing for that long counts as a lost connection. */
  readonly stallMilliseconds: number;
  /** Told before each wait: somebody may be looking on and wonder why nothing happens. */
  readonly onRetry?: (retry: Retry) => void;
}

/** An attempt that failed and will be followed by another. */
export interface Retry {
  /** What went wrong, in a line. */
  readonly reason: string;
  readonly waitMilliseconds: number;
  /** Attempts so far without progress. */
  readonly failures: number;
}

/** Says each retry as a warning. */
export function warnOfRetries(onWarning: ((message: string) => void) | undefined): (retry: Retry) => void {
  return ({ reason, waitMilliseconds }) => onWarning?.(`W_HUB_RETRY: ${reason} Trying again in ${(waitMilliseconds / 1000).toFixed(1)} s.`);
}

/** Gives up after about a minute without progress. */
export const defaultRetryPolicy: RetryPolicy = {
  attempts: 7,
  firstWaitMilliseconds: 500,
  longestWaitMilliseconds: 30_000,
  longestRetryAfterMilliseconds: 300_000,
  stallMilliseconds: 30_000,
};

/**
 * Calls `attempt` until it succeeds. Only a {@link HubFailure} that is transient leads to another attempt; `attempt` calls `progressed`
 * when it got further than before, which starts the count anew. Throws the failure's error, and the signal's reason as soon as it aborts.
 */
export async function withRetries<Result>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<Result>,
): Promise<Result> {
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(() => {
        failures = 0;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof HubFailure)) throw error;
      failures += 1;
      const asked = error.waitMilliseconds ?? 0;
      if (!error.transient || failures >= policy.attempts || asked > policy.longestRetryAfterMilliseconds) throw error.error;
      const backOff = Math.min(policy.longestWaitMilliseconds, policy.firstWaitMilliseconds * 2 ** (failures - 1));
      const wait = Math.max(asked, backOff * (1 - Math.random() / 2));
      policy.onRetry?.({ reason: error.error.details.message, waitMilliseconds: wait, failures });
      await delay(wait, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }
}
