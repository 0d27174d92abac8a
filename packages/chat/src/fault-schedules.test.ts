import { isNlaError } from '@nlakit/core';
import { seededChatFaults, startFakeChat, type ChatDialect, type ChatFault, type FakeChat } from '@nlakit/conformance/fake-chat';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, testClient } from './__fixtures__/test-client.js';

let chat: FakeChat;
beforeAll(async () => {
  chat = await startFakeChat({ answer: ({ messages }) => `answer to ${messages.at(-1)?.content ?? ''}` });
});
afterAll(() => chat.stop());

const dialects: readonly ChatDialect[] = ['openai', 'anthropic', 'gemini'];
const everyType: readonly ChatFault['type'][] = ['status', 'drop', 'malformed', 'refuse-connection', 'slow', 'refusal', 'empty', 'length'];
const texts = Array.from({ length: 12 }, (_, at) => `text ${at % 9}`);
const price = 1e6;

interface Outcome {
  readonly text?: string;
  readonly code?: string;
}

describe.each(Array.from({ length: 12 }, (_, at) => at))('seeds from %i0', (tens) => {
  it.each(Array.from({ length: 10 }, (_, at) => 10 * tens + at))(
    '%i: one answer or one coded error each, within the cap, all charges counted',
    async (seed) => {
      const dialect = dialects[seed % 3] ?? 'openai';
      const capped = seed % 4 === 0;
      const maxCost = capped ? 300 + 37 * (seed % 17) : undefined;
      const concurrency = 1 + (seed % 5);
      chat.clearRequests();
      chat.fault = seededChatFaults(seed, { rate: 0.2 + 0.07 * (seed % 10), types: everyType });
      const client = testClient({
        dialect,
        baseUrl: chat.baseUrls[dialect],
        concurrency,
        retries: seed % 6,
        prices: { inputPerMillion: price, outputPerMillion: price },
        ...(maxCost === undefined ? {} : { maxCost }),
      });
      const outcomes = await Promise.all(
        texts.map((text) =>
          client.complete(ask(text, { maxTokens: 60 })).then(
            (answer): Outcome => ({ text: `${answer.stop} ${answer.text}` }),
            (error: unknown): Outcome => ({ code: isNlaError(error) ? error.code : String(error) }),
          ),
        ),
      );
      const spent = client.spent();

      // Equal requests have equal outcomes, and every error has a code of this client.
      for (const [at, { text, code }] of outcomes.entries()) {
        expect(outcomes[texts.indexOf(texts[at] ?? '')]).toEqual(outcomes[at]);
        expect([text, code].filter((one) => one !== undefined)).toHaveLength(1);
        if (code !== undefined) expect(code).toMatch(/^E_CHAT_(RESPONSE|RATE_LIMIT|UNREACHABLE|BUDGET)$/);
        if (text?.startsWith('end answer')) expect(text).toBe(`end answer to ${texts[at] ?? ''}`);
      }

      // What the endpoint charged for is either an answer that came or counted as lost; nothing came twice.
      const charged = chat.requests.filter((request) => request.charged).length;
      expect(charged).toBeGreaterThanOrEqual(spent.requests);
      expect(charged).toBeLessThanOrEqual(spent.requests + spent.lost);
      expect(spent.requests).toBe(new Set(texts.filter((_, at) => outcomes[at]?.text !== undefined)).size);
      expect(spent.requests + spent.lost).toBeLessThanOrEqual(chat.requests.length);
      expect(chat.requests.length).toBeLessThanOrEqual(9 + spent.retried);
      if (maxCost !== undefined) expect(spent.cost + spent.lostCostAtMost).toBeLessThanOrEqual(maxCost);
      const chargedAtMost = chat.requests
        .filter((request) => request.charged)
        .reduce((sum, { prompt }) => sum + (prompt?.messages[0]?.content.length ?? 0) / 4 + 1 + 60, 0);
      expect(spent.cost + spent.lostCostAtMost).toBeLessThanOrEqual(chargedAtMost + spent.lost * (32 + 7 + 60));

      // The second time nothing goes wrong: answers that came are kept, the others come.
      chat.fault = undefined;
      const before = chat.requests.length;
      const again = testClient({ dialect, baseUrl: chat.baseUrls[dialect] }, { cacheFolder: client.folder });
      const second = await Promise.all(texts.map((text) => again.complete(ask(text, { maxTokens: 60 }))));
      expect(chat.requests.length - before).toBe(9 - spent.requests);
      second.forEach((answer, at) => {
        if (outcomes[at]?.text !== undefined) expect(`${answer.stop} ${answer.text}`).toBe(outcomes[at].text);
        else expect(answer.text).toBe(`answer to ${texts[at] ?? ''}`);
      });
    },
  );
});

it.each([1, 3, 8])('never has more than %i under way', async (concurrency) => {
  let [inside, most] = [0, 0];
  const client = testClient(
    { baseUrl: 'http://localhost:1/v1', concurrency, retries: 3 },
    {
      fetch: async () => {
        most = Math.max(most, (inside += 1));
        await new Promise((next) => setTimeout(next, 1));
        inside -= 1;
        return most % 2 === 0 && inside % 3 === 0
          ? new Response('', { status: 500 })
          : Response.json({ choices: [{ message: { content: 'a' } }] });
      },
    },
  );
  await Promise.allSettled(Array.from({ length: 40 }, (_, at) => client.complete(ask(String(at)))));
  expect(most).toBe(concurrency);
});
