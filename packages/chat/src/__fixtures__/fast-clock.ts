import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { ChatClock } from '../chat-clock.js';

/** A clock on which waiting takes no time: it goes on to the earliest moment that somebody waits for, once nothing else is left to do. */
export interface FastClock extends ChatClock {
  /** Every wait that was asked for, in milliseconds. */
  readonly waits: readonly number[];
}

export function fastClock(random: () => number = () => 0): FastClock {
  const waits: number[] = [];
  const sleepers: { readonly at: number; wake(): void }[] = [];
  let now = 0;
  let moving = false;
  const move = async (): Promise<void> => {
    moving = true;
    while (sleepers.length > 0) {
      for (let turn = 0; turn < 3; turn += 1) await setImmediate();
      sleepers.sort((one, other) => one.at - other.at);
      const next = sleepers.shift();
      now = Math.max(now, next?.at ?? 0);
      next?.wake();
    }
    moving = false;
  };
  return {
    waits,
    now: () => now,
    random,
    async sleep(milliseconds, signal) {
      signal.throwIfAborted();
      setMaxListeners(0, signal);
      waits.push(milliseconds);
      await new Promise<void>((wake) => {
        sleepers.push({ at: now + milliseconds, wake });
        signal.addEventListener('abort', () => {
          wake();
        });
        if (!moving) void move();
      });
      signal.throwIfAborted();
    },
  };
}
