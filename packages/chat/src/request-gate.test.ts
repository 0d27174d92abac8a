import { describe, expect, it } from 'vitest';
import { fastClock } from './__fixtures__/fast-clock.js';
import { createRequestGate } from './request-gate.js';

const idle = new AbortController().signal;

describe('createRequestGate', () => {
  it.each([1, 2, 7])('holds at most %i at a time, in order, and gives every place back', async (concurrency) => {
    const gate = createRequestGate({ concurrency, requestsPerMinute: undefined }, fastClock(), idle);
    let [inside, most] = [0, 0];
    const started: number[] = [];
    const work = Array.from({ length: 30 }, (_, at) =>
      gate.hold(async () => {
        started.push(at);
        most = Math.max(most, (inside += 1));
        await new Promise((next) => setImmediate(next));
        inside -= 1;
        if (at % 3 === 0) throw new Error('failed');
      }),
    );
    expect((await Promise.allSettled(work)).filter(({ status }) => status === 'rejected')).toHaveLength(10);
    expect(most).toBe(concurrency);
    expect(started).toEqual(Array.from({ length: 30 }, (_, at) => at));
    await gate.hold(() => Promise.resolve());
  });

  it.each([1, 30, 60, 90, 600, 6000])('lets at most %i pass in any minute, evenly', async (requestsPerMinute) => {
    const clock = fastClock();
    const gate = createRequestGate({ concurrency: 100, requestsPerMinute }, clock, idle);
    const count = Math.min(900, 3 * requestsPerMinute + 2);
    const passed: number[] = [];
    await Promise.all(
      Array.from({ length: count }, async () => {
        await gate.pass();
        passed.push(clock.now());
      }),
    );
    expect(passed).toHaveLength(count);
    for (const [at, moment] of passed.entries()) {
      const within = passed.slice(at).filter((other) => other < moment + 60_000 - 1e-6).length;
      expect(within).toBeLessThanOrEqual(requestsPerMinute);
      if (at > 0) expect(moment - (passed[at - 1] ?? 0)).toBeGreaterThanOrEqual(60_000 / requestsPerMinute - 1e-6);
    }
    // And no slower than that.
    expect(passed.at(-1)).toBeLessThanOrEqual(((count - 1) * 60_000) / requestsPerMinute + 1);
  });

  it('lets nobody pass during a pause, and the longest pause counts', async () => {
    const clock = fastClock();
    const gate = createRequestGate({ concurrency: 1, requestsPerMinute: undefined }, clock, idle);
    gate.pause(5000);
    gate.pause(1000);
    await gate.pass();
    expect(clock.now()).toBe(5000);
  });

  it('turns everybody away when it is aborted', async () => {
    const controller = new AbortController();
    const gate = createRequestGate({ concurrency: 1, requestsPerMinute: 1 }, fastClock(), controller.signal);
    const inside = gate.hold(
      () =>
        new Promise((_, fail) =>
          controller.signal.addEventListener('abort', () => {
            fail(new Error('inside'));
          }),
        ),
    );
    const waiting = gate.hold(() => Promise.resolve());
    await new Promise((next) => setImmediate(next));
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(inside).rejects.toThrow('inside');
    await expect(gate.hold(() => Promise.resolve())).rejects.toThrow('enough');
    await expect(gate.pass()).rejects.toThrow('enough');
  });
});
