import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { chatFaultSequence, startFakeChat, type ChatFault, type FakeChat } from '@nlakit/conformance/fake-chat';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fastClock } from './__fixtures__/fast-clock.js';
import { ask, testClient } from './__fixtures__/test-client.js';

const key = 'sk-very-secret-0123456789';
let chat: FakeChat;
beforeAll(async () => {
  process.env['NLA_TEST_CHAT_KEY'] = key;
  chat = await startFakeChat();
});
afterAll(() => chat.stop());
beforeEach(() => {
  chat.fault = undefined;
  chat.answer = () => 'fine';
  chat.clearRequests();
});
const prices = { inputPerMillion: 1, outputPerMillion: 1 };
const clientOf = (options: Parameters<typeof testClient>[0] = {}, context: Parameters<typeof testClient>[1] = {}) =>
  testClient({ baseUrl: chat.baseUrls.openai, ...options }, context);
const strike = (...faults: ChatFault[]): void => {
  chat.fault = chatFaultSequence(faults);
};

describe('what passes is tried again', () => {
  it.each<[string, ChatFault, number]>([
    ['408', { type: 'status', status: 408 }, 0],
    ['409', { type: 'status', status: 409 }, 0],
    ['425', { type: 'status', status: 425 }, 0],
    ['429', { type: 'status', status: 429 }, 0],
    ['500', { type: 'status', status: 500 }, 0],
    ['503', { type: 'status', status: 503 }, 0],
    ['529', { type: 'status', status: 529 }, 0],
    ['504: the model may have been at work', { type: 'status', status: 504 }, 1],
    ['a connection cut before the head', { type: 'drop' }, 1],
    ['a connection cut within the body', { type: 'drop', afterBytes: 20 }, 1],
    ['a connection cut behind the head', { type: 'drop', afterBytes: 0 }, 1],
    ['a refused connection', { type: 'refuse-connection' }, 1],
    ['half a JSON', { type: 'malformed', form: 'cut' }, 1],
    ['a page', { type: 'malformed', form: 'page' }, 1],
    ['another JSON', { type: 'malformed', form: 'form' }, 1],
  ])('%s', async (_, fault, lost) => {
    strike(fault, fault);
    const client = clientOf({ prices });
    expect(await client.complete(ask('x'))).toMatchObject({ text: 'fine', cached: false });
    const spent = client.spent();
    expect(spent).toMatchObject({ requests: 1, retried: 2, lost: 2 * lost });
    expect(spent.lostCostAtMost).toBeCloseTo(2 * lost * (33 + 100) * 1e-6, 12);
    expect(chat.requests).toHaveLength(3);
  });

  it('an answer that does not come in time', async () => {
    strike({ type: 'stall' });
    const client = clientOf({ timeoutSeconds: 0.05 });
    expect(await client.complete(ask('x'))).toMatchObject({ text: 'fine' });
    expect(client.spent()).toMatchObject({ lost: 1, retried: 1 });
  });

  it('waits longer each time, and at most a minute', async () => {
    chat.fault = () => ({ type: 'status', status: 500 });
    const clock = fastClock();
    await expect(clientOf({ retries: 9 }, { clock }).complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_RESPONSE' });
    expect(clock.waits).toEqual([1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
    expect(chat.requests).toHaveLength(10);
    const other = fastClock(() => 0.5);
    await expect(clientOf({ retries: 2 }, { clock: other }).complete(ask('x'))).rejects.toThrow();
    expect(other.waits).toEqual([750, 1500]);
  });
});

describe('Retry-After', () => {
  const waitFor = async (retryAfter: number | string): Promise<readonly number[]> => {
    strike({ type: 'status', status: 429, retryAfter });
    const clock = fastClock();
    await clientOf({}, { clock }).complete(ask(String(retryAfter)));
    return clock.waits;
  };

  it('is waited for: seconds', async () => {
    expect(await waitFor(17)).toEqual([17_000]);
    expect(await waitFor('2.5')).toEqual([2500]);
  });

  it('is waited for: a date', async () => {
    const [wait = 0] = await waitFor(new Date(Date.now() + 90_000).toUTCString());
    expect(wait).toBeGreaterThan(85_000);
    expect(wait).toBeLessThanOrEqual(90_000);
  });

  it.each(['soon', '-3', new Date(0).toUTCString(), ''])('%j is no reason to be quicker', async (text) => {
    expect(await waitFor(text)).toEqual([1000]);
  });

  it('holds all requests back', async () => {
    const clock = fastClock();
    const sentAt: number[] = [];
    let first = true;
    const client = clientOf(
      { concurrency: 2 },
      {
        clock,
        fetch: () => {
          sentAt.push(clock.now());
          const refuse = first;
          first = false;
          return Promise.resolve(
            refuse
              ? new Response('{}', { status: 429, headers: { 'retry-after-ms': '30000' } })
              : Response.json({ choices: [{ message: { content: 'a' } }] }),
          );
        },
      },
    );
    await client.complete(ask('0')).then(() => undefined);
    expect(sentAt).toEqual([0, 30_000]);
    first = true;
    sentAt.length = 0;
    const start = clock.now();
    await Promise.all(['a', 'b', 'c', 'd'].map((text) => client.complete(ask(text))));
    // Two are under way when the pause begins; nobody is sent while it lasts.
    expect(sentAt.filter((at) => at > start && at < start + 30_000)).toEqual([]);
    expect(sentAt).toHaveLength(5);
  });

  it('of more than ten minutes is not waited for', async () => {
    strike({ type: 'status', status: 429, retryAfter: 3600 });
    await expect(clientOf().complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_RATE_LIMIT' });
    expect(chat.requests).toHaveLength(1);
  });
});

describe('what stays is said at once, with a code', () => {
  it.each([
    [400, undefined, 'E_CHAT_REFUSED'],
    [401, undefined, 'E_CHAT_KEY'],
    [402, undefined, 'E_CHAT_QUOTA'],
    [403, undefined, 'E_CHAT_FORBIDDEN'],
    [404, undefined, 'E_CHAT_MODEL'],
    [413, undefined, 'E_CHAT_REFUSED'],
    [422, undefined, 'E_CHAT_REFUSED'],
    [429, 'insufficient_quota', 'E_CHAT_QUOTA'],
  ])('%i %s', async (status, code, expected) => {
    strike({ type: 'status', status, ...(code === undefined ? {} : { code }) });
    const client = clientOf();
    await expect(client.complete(ask('x'))).rejects.toMatchObject({ code: expected, details: { kind: 'input' } });
    expect(chat.requests).toHaveLength(1);
    expect(client.spent()).toMatchObject({ requests: 0, retried: 0, lost: 0 });
    expect(await client.complete(ask('x'))).toMatchObject({ text: 'fine', cached: false });
  });

  it('nobody there: no cost is counted', async () => {
    const gone = await startFakeChat();
    await gone.stop();
    const client = clientOf({ baseUrl: gone.baseUrls.openai, retries: 1, prices });
    await expect(client.complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_UNREACHABLE' });
    expect(client.spent()).toMatchObject({ lost: 0, lostCostAtMost: 0, retried: 1 });
  });

  it.each([
    { messages: [] },
    { messages: [{ role: 'assistant' as const, content: 'x' }] },
    { maxTokens: 0 },
    { maxTokens: 1.5 },
    { temperature: -1 },
    { temperature: NaN },
    { seed: 0.5 },
  ])('a request that is none: %j', async (more) => {
    await expect(clientOf().complete(ask('x', more))).rejects.toMatchObject({ code: 'E_CHAT_REQUEST' });
    expect(chat.requests).toHaveLength(0);
  });

  it.each([
    [{ model: '' }, 'E_CHAT_OPTIONS'],
    [{ maxCost: 1 }, 'E_CHAT_OPTIONS'],
    [{ apiKeyEnv: 'sk-1-2' }, 'E_CHAT_OPTIONS'],
    [{ baseUrl: 'localhost:3' }, 'E_CHAT_URL'],
    [{ baseUrl: 'ftp://localhost' }, 'E_CHAT_URL'],
    [{ baseUrl: 'https://user:secret@example.org' }, 'E_CHAT_URL'],
    [{ baseUrl: 'https://example.org/v1?key=secret' }, 'E_CHAT_URL'],
    [{ baseUrl: 'http://example.org/v1' }, 'E_CHAT_URL'],
  ])('options that are wrong: %j', (options, code) => {
    let error: unknown;
    try {
      clientOf(options);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('secret');
  });

  it('another machine is spoken to in the open only if that is allowed', () => {
    expect(clientOf({ baseUrl: 'http://gpu-box:8000/v1', allowHttp: true }).identity()).toMatchObject({ host: 'gpu-box:8000' });
    for (const host of ['localhost:1', '127.0.0.1:1', '[::1]:1'])
      expect(clientOf({ baseUrl: `http://${host}/v1` }).identity()).toMatchObject({ host });
  });
});

describe('the signal', () => {
  const enough = new Error('enough');

  it('stops before anything is sent', async () => {
    const client = clientOf({}, { signal: AbortSignal.abort(enough) });
    await expect(client.complete(ask('x'))).rejects.toBe(enough);
    expect(chat.requests).toHaveLength(0);
  });

  it('stops before the first byte of an answer, and whoever waits for a place or another try', async () => {
    chat.fault = ({ earlier }) => (earlier > 5 ? undefined : { type: 'stall' });
    const controller = new AbortController();
    const client = clientOf({ concurrency: 2, prices }, { signal: controller.signal });
    const work = ['a', 'b', 'c', 'd'].map((text) => client.complete(ask(text)));
    while (chat.requests.length < 2) await new Promise((next) => setTimeout(next, 5));
    controller.abort(enough);
    expect((await Promise.allSettled(work)).map((one) => (one.status === 'rejected' ? one.reason : one))).toEqual([
      enough,
      enough,
      enough,
      enough,
    ]);
    expect(chat.requests).toHaveLength(2);
    // Whether an answer was made is not known.
    expect(client.spent()).toMatchObject({ requests: 0, lost: 2 });
    expect(client.spent().lostCostAtMost).toBeGreaterThan(0);
  });

  it('stops waits, with the machine’s own clock too', async () => {
    const controller = new AbortController();
    strike({ type: 'status', status: 429, retryAfter: 500 });
    const { systemClock } = await import('./chat-clock.js');
    const client = clientOf({}, { signal: controller.signal, clock: systemClock });
    const work = client.complete(ask('x'));
    while (chat.requests.length < 1) await new Promise((next) => setTimeout(next, 5));
    setTimeout(() => {
      controller.abort(enough);
    }, 30);
    await expect(work).rejects.toBe(enough);
    expect(client.spent().lost).toBe(0);
  });
});

describe('secrets', () => {
  const everything = async (folder: string): Promise<string> => {
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(files.map((entry) => readFile(path.join(entry.parentPath, entry.name), 'utf8')));
    return [...files.map(({ name }) => name), ...texts].join('\n');
  };

  it('are in no file, message or identity', async () => {
    strike({ type: 'status', status: 500 }, { type: 'malformed', form: 'page' }, { type: 'drop' });
    const client = clientOf({ apiKeyEnv: 'NLA_TEST_CHAT_KEY' });
    await client.complete(ask('x'));
    expect(chat.requests.every(({ authorized }) => authorized)).toBe(true);
    expect(await everything(client.folder)).toContain('fine');
    for (const text of [await everything(client.folder), client.said.join('\n'), JSON.stringify(client.identity())]) {
      expect(text).not.toContain(key);
      expect(text).not.toContain('NLA_TEST_CHAT_KEY');
    }
  });

  it('are in no error, though the endpoint quotes them', async () => {
    // At every offset, so that cutting what is shown never leaves a part of the key.
    for (const [status, before] of [
      ...Array.from({ length: 40 }, (_, at) => [400, 970 + at] as const),
      [401, 3] as const,
      [500, 3] as const,
    ]) {
      const message = `${'x'.repeat(before)}${key}${'y'.repeat(50)}`;
      const client = clientOf(
        { apiKeyEnv: 'NLA_TEST_CHAT_KEY', retries: 0 },
        { fetch: () => Promise.resolve(Response.json({ error: { message, code: 'some' } }, { status })) },
      );
      const error = await client.complete(ask('x')).catch((caught: unknown) => caught);
      expect(String(error)).not.toContain(key.slice(0, 8));
    }
    for (const body of [`{"a": "${key}`, `${key} is not valid`, key]) {
      const client = clientOf({ apiKeyEnv: 'NLA_TEST_CHAT_KEY', retries: 0 }, { fetch: () => Promise.resolve(new Response(body)) });
      const error = await client.complete(ask('x')).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'E_CHAT_RESPONSE' });
      expect(String(error)).not.toContain(key.slice(0, 8));
    }
  });

  it('must be there, and be such that a header can carry them', async () => {
    for (const [value, found] of [
      [undefined, 'not set'],
      ['', 'not set'],
      ['bad\nkey-of-mine', 'characters'],
      ['schlüssel', 'characters'],
    ] as const) {
      if (value === undefined) delete process.env['NLA_TEST_OTHER_KEY'];
      else process.env['NLA_TEST_OTHER_KEY'] = value;
      const error = await clientOf({ apiKeyEnv: 'NLA_TEST_OTHER_KEY' })
        .complete(ask('x'))
        .catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'E_CHAT_KEY' });
      expect(String(error)).toContain(found);
      if (value) expect(String(error)).not.toContain(value);
    }
    expect(chat.requests).toHaveLength(0);
  });

  it('do not go to another address than the provider’s unless they are named', async () => {
    process.env['OPENAI_API_KEY'] ??= 'sk-of-the-provider';
    await clientOf().complete(ask('x'));
    expect(chat.requests[0]?.authorized).toBe(false);
  });

  it('are not carried along a redirection', async () => {
    const seen: string[] = [];
    const target: Server = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.end('{}');
    });
    const source: Server = createServer((_, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${(target.address() as AddressInfo).port}/elsewhere` }).end();
    });
    await Promise.all([target, source].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
    try {
      const baseUrl = `http://127.0.0.1:${(source.address() as AddressInfo).port}/v1`;
      await expect(clientOf({ baseUrl, apiKeyEnv: 'NLA_TEST_CHAT_KEY' }).complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_URL' });
      expect(seen).toEqual([]);
    } finally {
      for (const server of [target, source]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});

it('gives up an answer that does not end', async () => {
  let sent = 0;
  const piece = new Uint8Array(2 ** 20).fill(32);
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          sent += 1;
          controller.enqueue(piece);
        },
      }),
    );
  await expect(clientOf({ retries: 0 }, { fetch: () => Promise.resolve(endless()) }).complete(ask('x'))).rejects.toMatchObject({
    code: 'E_CHAT_UNREACHABLE',
  });
  expect(sent).toBeLessThan(64);
});

afterEach(() => {
  expect(process.env['NLA_TEST_CHAT_KEY']).toBe(key);
});
