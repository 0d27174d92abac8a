import type { ChatClock } from './chat-clock.js';

/** Lets attempts through: so many at a time, so many per minute, and none while the endpoint asked for a pause. */
export interface RequestGate {
  /** Waits for a place, runs `work`, gives the place back. */
  hold<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Waits until an attempt may be sent. */
  pass(): Promise<void>;
  /** No attempt is sent for that long. */
  pause(milliseconds: number): void;
}

/** A gate of `concurrency` places and a token bucket of one second's worth of `requestsPerMinute`. */
export function createRequestGate(
  { concurrency, requestsPerMinute }: { readonly concurrency: number; readonly requestsPerMinute: number | undefined },
  clock: ChatClock,
  signal: AbortSignal,
): RequestGate {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  let pausedUntil = -Infinity;
  const perMillisecond = (requestsPerMinute ?? Infinity) / 60_000;
  const capacity = Math.max(1, Math.floor(1000 * perMillisecond));
  let tokens = capacity;
  let filledAt = clock.now();

  // Who has no place yet is woken to find out that the signal has aborted.
  signal.addEventListener(
    'abort',
    () => {
      for (const wake of waiting.splice(0)) wake();
    },
    { once: true },
  );

  const takePlace = async (): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((woken) => waiting.push(woken));
    signal.throwIfAborted();
  };

  return {
    async hold(work) {
      await takePlace();
      try {
        return await work();
      } finally {
        // The place goes to the next in line, or lies free.
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
    async pass() {
      for (;;) {
        signal.throwIfAborted();
        const now = clock.now();
        if (now < pausedUntil) {
          await clock.sleep(pausedUntil - now, signal);
          continue;
        }
        if (perMillisecond === Infinity) return;
        tokens = Math.min(capacity, tokens + (now - filledAt) * perMillisecond);
        filledAt = now;
        // Sums of elapsed times may miss a whole token by rounding.
        if (tokens >= 1 - 1e-9) {
          tokens -= 1;
          return;
        }
        await clock.sleep(Math.ceil((1 - tokens) / perMillisecond), signal);
      }
    },
    pause(milliseconds) {
      pausedUntil = Math.max(pausedUntil, clock.now() + milliseconds);
    },
  };
}
