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

/** A gate of `concurrency` places that lets attempts pass at least one `requestsPerMinute`-th of a minute apart. */
export function createRequestGate(
  { concurrency, requestsPerMinute }: { readonly concurrency: number; readonly requestsPerMinute: number | undefined },
  clock: ChatClock,
  signal: AbortSignal,
): RequestGate {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  let pausedUntil = -Infinity;
  const apart = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute;
  let nextAt = -Infinity;

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
        // Everybody takes a moment of their own; one that a pause has overtaken is let go.
        const moment = Math.max(clock.now(), nextAt, pausedUntil);
        nextAt = moment + apart;
        if (moment > clock.now()) await clock.sleep(moment - clock.now(), signal);
        if (clock.now() >= pausedUntil) return;
      }
    },
    pause(milliseconds) {
      pausedUntil = Math.max(pausedUntil, clock.now() + milliseconds);
    },
  };
}
