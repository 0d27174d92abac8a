import { NlaError } from '@nlakit/core';

/** Dollars set aside for one attempt. Settled exactly once. */
export interface Reservation {
  /** The attempt cost that much. */
  settle(cost: number): void;
  /** Its answer was lost: it may have cost all that was set aside. */
  lose(): void;
}

/** Keeps spending below a cap, with what is under way at its highest. */
export interface Budget {
  /**
   * Sets aside `cost`; waits while only what is under way stands in the way. Throws `E_CHAT_BUDGET` when it cannot fit, and the signal's
   * reason.
   */
  reserve(cost: number): Promise<Reservation>;
  spent(): number;
  lost(): number;
}

/** A budget of `cap` US dollars; without one everything fits. */
export function createBudget(cap: number | undefined, signal: AbortSignal): Budget {
  let [spent, lost, reserved] = [0, 0, 0];
  let waiting: (() => void)[] = [];
  const wakeAll = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  signal.addEventListener('abort', wakeAll, { once: true });
  // Sums of many small prices are rounded; a cap of 1 must let a thousand requests of 0.001 through.
  const limit = cap === undefined ? Infinity : cap * (1 + 1e-9);

  return {
    async reserve(cost) {
      for (;;) {
        signal.throwIfAborted();
        if (spent + lost + cost > limit) throw overBudget(cap ?? Infinity, spent, lost, cost);
        if (spent + lost + reserved + cost <= limit) break;
        await new Promise<void>((woken) => waiting.push(woken));
      }
      reserved += cost;
      const release = (): void => {
        reserved -= cost;
        wakeAll();
      };
      return {
        settle(actual) {
          spent += actual;
          release();
        },
        lose() {
          lost += cost;
          release();
        },
      };
    },
    spent: () => spent,
    lost: () => lost,
  };
}

function overBudget(cap: number, spent: number, lost: number, cost: number): NlaError {
  const dollars = (amount: number): string => `$${amount.toPrecision(3)}`;
  return new NlaError('E_CHAT_BUDGET', {
    message: 'The next request could cost more than is left.',
    found: `${dollars(spent)} spent${lost > 0 ? `, up to ${dollars(lost)} for answers that were lost` : ''}, and up to ${dollars(cost)} for the next request`,
    expected: `at most ${dollars(cap)} in all (\`maxCost\`)`,
    fix: 'Raise `maxCost` and run the same command again: answers that came are kept and cost nothing more.',
    kind: 'input',
  });
}
