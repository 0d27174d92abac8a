import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startFakeChat, type FakeChat } from '@nlakit/conformance/fake-chat';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, testClient } from './__fixtures__/test-client.js';
import type { ChatSpending } from './index.js';

let chat: FakeChat;
beforeAll(async () => {
  chat = await startFakeChat();
});
afterAll(() => chat.stop());
beforeEach(() => {
  chat.fault = undefined;
  chat.clearRequests();
});
const clientOf = (options = {}, cacheFolder?: string) =>
  testClient({ baseUrl: chat.baseUrls.openai, ...options }, cacheFolder === undefined ? {} : { cacheFolder });
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((one) => one.isFile())
    .map((one) => path.join(one.parentPath, one.name));

describe('the cache', () => {
  it('answers equal requests once: at the same time, later, and for another client', async () => {
    const client = clientOf();
    const together = await Promise.all(Array.from({ length: 20 }, () => client.complete(ask('x'))));
    expect(new Set(together.map(({ text }) => text)).size).toBe(1);
    expect(together.filter(({ cached }) => !cached)).toHaveLength(1);
    const { cached: _, ...first } = together[0] ?? { cached: false };
    expect(await client.complete(ask('x'))).toEqual({ ...first, cached: true });
    expect(await clientOf({}, client.folder).complete(ask('x'))).toEqual({ ...first, cached: true });
    expect(client.spent()).toMatchObject({ requests: 1, cached: 20 });
    expect(chat.requests).toHaveLength(1);
  });

  it('tells requests apart by everything an answer depends on, and by nothing else', async () => {
    const client = clientOf();
    const { key } = await client.complete(ask('x'));
    const others = [
      ask('y'),
      ask('x', { system: '' }),
      ask('x', { maxTokens: 99 }),
      ask('x', { temperature: 1 }),
      ask('x', { seed: 0 }),
      ask('x', { seed: 1 }),
    ];
    const keys = await Promise.all(others.map(async (request) => (await client.complete(request)).key));
    const byOptions = [{ model: 'other' }, { body: { top_p: 1 } }, { dialect: 'anthropic', baseUrl: chat.baseUrls.anthropic }];
    for (const options of byOptions) keys.push((await clientOf(options, client.folder).complete(ask('x'))).key);
    expect(new Set([key, ...keys]).size).toBe(10);
    const count = chat.requests.length;
    for (const options of [
      { baseUrl: `${chat.url}/other/v1` },
      { concurrency: 3 },
      { prices: { inputPerMillion: 1, outputPerMillion: 2 } },
    ]) {
      expect((await clientOf(options, client.folder).complete(ask('x'))).key).toBe(key);
    }
    const sorted = clientOf({ body: { b: { d: 1, c: 2 }, a: 1 } }, client.folder);
    const unsorted = clientOf({ body: { a: 1, b: { c: 2, d: 1 } } }, client.folder);
    expect((await sorted.complete(ask('x'))).key).toBe((await unsorted.complete(ask('x'))).key);
    expect(chat.requests).toHaveLength(count + 1);
  });

  it('fails for everybody who waits for one failed request, and asks again later', async () => {
    chat.fault = () => ({ type: 'status', status: 400 });
    const client = clientOf();
    const results = await Promise.allSettled([client.complete(ask('x')), client.complete(ask('x'))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    chat.fault = undefined;
    expect(await client.complete(ask('x'))).toMatchObject({ cached: false });
    expect(await filesIn(client.folder)).toHaveLength(1);
  });

  it.each([
    ['half a file', (text: string) => text.slice(0, text.length / 2)],
    ['another JSON', () => '{}'],
    ['the answer to another request', (text: string) => text.replace('"content": "x"', '"content": "y"')],
    ['a count below zero', (text: string) => text.replace(/"outputTokens": \d+/, '"outputTokens": -1')],
  ])('does not believe %s: asks again, or stops where it only replays', async (_, damage) => {
    const client = clientOf();
    const { text } = await client.complete(ask('x'));
    const [file = ''] = await filesIn(client.folder);
    const whole = await readFile(file, 'utf8');
    await writeFile(file, damage(whole));
    await expect(clientOf({ replayOnly: true }, client.folder).complete(ask('x'))).rejects.toMatchObject({
      code: 'E_CHAT_CACHE',
      details: { file },
    });
    const again = clientOf({}, client.folder);
    expect(await again.complete(ask('x'))).toMatchObject({ text, cached: false });
    expect(again.said.join()).toContain('cannot be read');
    expect(await readFile(file, 'utf8')).toBe(whole);
  });

  it('replays, and asks nobody', async () => {
    const recorded = clientOf();
    const answer = await recorded.complete(ask('x'));
    const fetch = () => Promise.reject(new Error('the network was used'));
    const replay = testClient({ replayOnly: true, apiKeyEnv: 'NLA_TEST_NO_SUCH_KEY' }, { cacheFolder: recorded.folder, fetch });
    expect(await replay.complete(ask('x'))).toEqual({ ...answer, cached: true });
    await expect(replay.complete(ask('y'))).rejects.toMatchObject({ code: 'E_CHAT_NOT_RECORDED', details: { kind: 'input' } });
    expect(replay.spent()).toMatchObject({ requests: 0, cached: 1, cost: 0 });
  });

  it('prices what is not there yet, and asks nobody', async () => {
    const client = clientOf({ prices: { inputPerMillion: 4e6, outputPerMillion: 1e6 } });
    await client.complete(ask('known'));
    const estimate = client.estimate([ask('known'), ask('new'), ask('new'), ask('other')]);
    expect(estimate).toEqual({
      requests: 4,
      cached: 2,
      inputTokens: 9 + 10,
      outputTokensAtMost: 200,
      costEstimated: 4 * 19 + 200,
      costAtMost: 4 * (35 + 37) + 200,
      priced: true,
    });
    expect(chat.requests).toHaveLength(1);
    expect(clientOf().estimate([ask('new')])).toMatchObject({ priced: false, costAtMost: 0, inputTokens: 9 });
  });
});

it('is shared by processes at the same time', async () => {
  const { folder } = clientOf();
  await rm(folder, { recursive: true });
  const texts = Array.from({ length: 40 }, (_, at) => `text ${at}`);
  const options = {
    dialect: 'openai',
    model: 'fake',
    baseUrl: chat.baseUrls.openai,
    prices: { inputPerMillion: 1e6, outputPerMillion: 1e6 },
  };
  const here = path.dirname(fileURLToPath(import.meta.url));
  const args = [
    '--conditions=@nlakit/source',
    '--import',
    new URL('../../cli/test/support/register-source.mjs', import.meta.url).href,
    path.join(here, '__fixtures__/complete-many.mjs'),
    JSON.stringify(options),
    folder,
  ];
  const start = async (list: readonly string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [...args, JSON.stringify(list)]);
    return JSON.parse(stdout) as { texts: string[]; spent: ChatSpending };
  };
  const [one, other] = await Promise.all([start(texts), start([...texts].reverse())]);
  expect(one.texts).toEqual([...other.texts].reverse());
  expect(new Set(one.texts).size).toBe(40);
  // Whatever was asked twice was counted twice; nothing was asked that is not counted.
  expect(one.spent.requests + other.spent.requests).toBe(chat.requests.length);
  expect(one.spent.requests + one.spent.cached).toBe(40);
  expect(await filesIn(folder)).toHaveLength(40);
  const third = await start(texts);
  expect(third).toMatchObject({ texts: one.texts, spent: { requests: 0, cached: 40, cost: 0 } });
});
