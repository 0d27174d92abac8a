import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget, type Reservation } from './budget.js';
import { ask, testClient } from './__fixtures__/test-client.js';

const idle = new AbortController().signal;
// Every budget of the property listens to it.
setMaxListeners(0, idle);

describe('createBudget', () => {
  it('never lets spent, lost and reserved together pass the cap, and forgets nobody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 10, noNaN: true }),
        fc.array(
          fc.record({
            cost: fc.double({ min: 0, max: 4, noNaN: true }),
            share: fc.double({ min: 0, max: 1, noNaN: true }),
            lose: fc.boolean(),
          }),
          {
            maxLength: 20,
          },
        ),
        async (cap, work) => {
          const budget = createBudget(cap, idle);
          let reserved = 0;
          let refused = 0;
          const done = work.map(async ({ cost, share, lose }) => {
            let reservation: Reservation;
            try {
              reservation = await budget.reserve(cost);
            } catch (error) {
              expect(error).toMatchObject({ code: 'E_CHAT_BUDGET' });
              refused += 1;
              return 0;
            }
            reserved += cost;
            expect(budget.spent() + budget.lost() + reserved).toBeLessThanOrEqual(cap * (1 + 1e-6) + 1e-9);
            await Promise.resolve();
            reserved -= cost;
            if (lose) reservation.lose();
            else reservation.settle(cost * share);
            return lose ? cost : cost * share;
          });
          const taken = (await Promise.all(done)).reduce((sum, one) => sum + one, 0);
          expect(budget.spent() + budget.lost()).toBeCloseTo(taken, 9);
          if (work.reduce((sum, { cost }) => sum + cost, 0) <= cap) expect(refused).toBe(0);
        },
      ),
    );
  });

  it('lets a thousand requests of a thousandth through', async () => {
    const budget = createBudget(1, idle);
    for (let at = 0; at < 1000; at += 1) (await budget.reserve(0.001)).settle(0.001);
    await expect(budget.reserve(0.001)).rejects.toMatchObject({ code: 'E_CHAT_BUDGET' });
  });

  it('lets waiters go when it is aborted', async () => {
    const controller = new AbortController();
    const budget = createBudget(1, controller.signal);
    await budget.reserve(1);
    const waiting = budget.reserve(0.5);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('the highest cost of a request', () => {
  const prices = { inputPerMillion: 1e6, outputPerMillion: 1e6 };
  const highest = (dialect: 'openai' | 'anthropic' | 'gemini', body?: Record<string, never>) =>
    testClient({ dialect, prices, ...(body ? { body } : {}) }).estimate([ask('x')]);

  it('follows the limit that is sent in the end', () => {
    const plain = highest('openai');
    expect(plain).toMatchObject({ outputTokensAtMost: 100, costAtMost: 33 + 100 });
    const raised = (dialect: Parameters<typeof highest>[0], body: object) => highest(dialect, body as never).outputTokensAtMost;
    expect(raised('openai', { max_tokens: 900 })).toBe(900);
    expect(raised('openai', { max_completion_tokens: 900, max_tokens: null })).toBe(900);
    expect(raised('openai', { n: 3 })).toBe(300);
    expect(raised('anthropic', { max_tokens: 900 })).toBe(900);
    expect(raised('gemini', { generationConfig: { maxOutputTokens: 900 } })).toBe(900);
    expect(raised('gemini', { generationConfig: { candidateCount: 2 } })).toBe(200);
  });

  it('counts further fields of the body as input', () => {
    const body = { tools: [{ name: 'a tool that nobody asked for' }] };
    expect(highest('openai', body as never).costAtMost).toBe(33 + 100 + JSON.stringify(body).length);
  });

  it('is refused with a cap where the limit is taken away', async () => {
    const client = testClient({
      prices,
      maxCost: 1,
      baseUrl: 'http://localhost:1',
      body: { max_completion_tokens: null, max_tokens: null },
    });
    await expect(client.complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_OPTIONS' });
  });
});
