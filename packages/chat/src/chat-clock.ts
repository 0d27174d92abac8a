import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance, for tests to replace. */
export interface ChatClock {
  /** Milliseconds since any fixed moment; never goes back. */
  now(): number;
  /** Waits; rejects with the signal's reason when it aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1): spreads the waits of clients that failed at the same moment. */
  random(): number;
}

/** The machine's own. */
export const systemClock: ChatClock = {
  now: () => performance.now(),
  async sleep(milliseconds, signal) {
    await delay(milliseconds, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  },
  random: Math.random,
};
