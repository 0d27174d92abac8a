import { startFakeChat, type ChatDialect, type FakeChat } from '@nlakit/conformance/fake-chat';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, testClient } from './__fixtures__/test-client.js';
import type { ChatOptions } from './index.js';

let chat: FakeChat;
beforeAll(async () => {
  chat = await startFakeChat();
});
afterAll(() => chat.stop());
beforeEach(() => {
  chat.fault = undefined;
  chat.answer = () => 'fine';
  chat.clearRequests();
});

/** A client whose endpoint answers with that JSON. */
const answering = (dialect: ChatDialect, json: unknown, options: Partial<ChatOptions> = {}) => {
  const sent: { url: string; headers: Headers; body: Record<string, unknown> }[] = [];
  const client = testClient(
    { dialect, retries: 0, apiKeyEnv: 'NLA_TEST_CHAT_KEY', ...options },
    {
      fetch: (url, init) => {
        sent.push({
          url: String(url),
          headers: new Headers(init?.headers),
          body: JSON.parse(String(init?.body)) as Record<string, unknown>,
        });
        return Promise.resolve(Response.json(json));
      },
    },
  );
  return { client, sent };
};
const whole = {
  system: 'Be brief.',
  messages: [
    { role: 'user' as const, content: 'hi' },
    { role: 'assistant' as const, content: 'ho' },
    { role: 'user' as const, content: 'he' },
  ],
};

describe.each(['openai', 'anthropic', 'gemini'] as const)('%s', (dialect) => {
  it('carries system, turns, limit, temperature and seed, and reads text, tokens and model', async () => {
    const client = testClient({ dialect, baseUrl: chat.baseUrls[dialect], prices: { inputPerMillion: 1e6, outputPerMillion: 2e6 } });
    const answer = await client.complete({ ...whole, maxTokens: 7, temperature: 0.5, seed: 3 });
    expect(chat.requests[0]?.prompt).toEqual({
      dialect,
      model: 'fake',
      system: 'Be brief.',
      messages: whole.messages,
      maxTokens: 7,
      temperature: 0.5,
      seed: dialect === 'anthropic' ? undefined : 3,
    });
    expect(answer).toEqual({
      text: 'fine',
      stop: 'end',
      model: 'fake',
      cached: false,
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      usage: { inputTokens: 4, outputTokens: 1, cost: 6 },
    });
    expect(client.spent()).toEqual({
      inputTokens: 4,
      outputTokens: 1,
      requests: 1,
      cached: 0,
      retried: 0,
      lost: 0,
      cost: 6,
      lostCostAtMost: 0,
    });
  });

  it.each(['refusal', 'empty', 'length'] as const)('takes %s for an answer, and keeps it', async (type) => {
    chat.fault = () => ({ type });
    const client = testClient({ dialect, baseUrl: chat.baseUrls[dialect] });
    const answer = await client.complete(ask('x'));
    expect(answer.stop).toBe({ refusal: 'refusal', empty: 'end', length: 'length' }[type]);
    expect(answer.text).toBe({ refusal: dialect === 'gemini' ? '' : 'I cannot help with that.', empty: '', length: 'fi' }[type]);
    expect(await client.complete(ask('x'))).toEqual({ ...answer, cached: true });
    expect(chat.requests).toHaveLength(1);
  });

  it('goes to the provider without a base address, with the key in one header and nowhere else', async () => {
    process.env['NLA_TEST_CHAT_KEY'] = ' sk-secret-1234 ';
    const { client, sent } = answering(dialect, {});
    await expect(client.complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_RESPONSE' });
    const [{ url, headers, body } = { url: '', headers: new Headers(), body: {} }] = sent;
    expect(url).toBe(
      {
        openai: 'https://api.openai.com/v1/chat/completions',
        anthropic: 'https://api.anthropic.com/v1/messages',
        gemini: 'https://generativelanguage.googleapis.com/v1beta/models/fake:generateContent',
      }[dialect],
    );
    const withKey = [...headers].filter(([, value]) => value.includes('sk-secret-1234')).map(([name]) => name);
    expect(withKey).toEqual([{ openai: 'authorization', anthropic: 'x-api-key', gemini: 'x-goog-api-key' }[dialect]]);
    expect(JSON.stringify(body)).not.toContain('sk-secret');
  });

  it('adds fields of the body, deeply, and takes fields out', async () => {
    const extra = dialect === 'gemini' ? { generationConfig: { topK: 3, temperature: null } } : { top_k: 3, temperature: null };
    const { client, sent } = answering(dialect, {}, { body: extra });
    await expect(client.complete(ask('x'))).rejects.toThrow();
    const settings = (dialect === 'gemini' ? sent[0]?.body['generationConfig'] : sent[0]?.body) as Record<string, unknown>;
    expect(settings).toMatchObject({ [dialect === 'gemini' ? 'topK' : 'top_k']: 3 });
    expect(settings).not.toHaveProperty('temperature');
  });
});

it('names the limit as OpenAI itself wants it, and others know it', async () => {
  const official = answering('openai', {});
  const other = answering('openai', {}, { baseUrl: 'http://localhost:11434/v1' });
  for (const { client } of [official, other]) await expect(client.complete(ask('x'))).rejects.toThrow();
  expect(official.sent[0]?.body).toMatchObject({ max_completion_tokens: 100 });
  expect(official.sent[0]?.body).not.toHaveProperty('max_tokens');
  expect(other.sent[0]?.body).toMatchObject({ max_tokens: 100 });
});

describe('answers of many shapes', () => {
  it.each([
    [
      'openai',
      { choices: [{ message: { content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }] } }] },
      'ab',
      'other',
    ],
    ['openai', { choices: [{ message: { content: null }, finish_reason: 'content_filter' }] }, '', 'refusal'],
    ['openai', { choices: [{ message: {}, finish_reason: 'stop' }], usage: null }, '', 'end'],
    [
      'anthropic',
      {
        type: 'message',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'a' },
        ],
        stop_reason: 'stop_sequence',
      },
      'a',
      'end',
    ],
    ['anthropic', { type: 'message', content: [], stop_reason: 'pause_turn' }, '', 'other'],
    ['gemini', { candidates: [{ content: { parts: [{ text: 'hm', thought: true }, { text: 'a' }] }, finishReason: 'STOP' }] }, 'a', 'end'],
    ['gemini', { promptFeedback: { blockReason: 'SAFETY' } }, '', 'refusal'],
    ['gemini', { candidates: [{ finishReason: 'RECITATION' }] }, '', 'refusal'],
  ] as const)('%s %j', async (dialect, json, text, stop) => {
    const { client } = answering(dialect, json);
    expect(await client.complete(ask('what'))).toMatchObject({ text, stop, model: 'fake' });
    // No tokens are told: they are estimated, and that is said.
    expect(client.spent().inputTokens).toBeGreaterThan(0);
    expect(client.said.join()).toContain('estimated');
  });

  it('counts cached input and hidden reasoning', async () => {
    const anthropic = answering('anthropic', {
      type: 'message',
      content: [],
      usage: { input_tokens: 1, output_tokens: 2, cache_creation_input_tokens: 10, cache_read_input_tokens: 100 },
    });
    const gemini = answering('gemini', {
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 30 },
    });
    expect((await anthropic.client.complete(ask('x'))).usage).toMatchObject({ inputTokens: 111, outputTokens: 2 });
    expect((await gemini.client.complete(ask('x'))).usage).toMatchObject({ inputTokens: 5, outputTokens: 32 });
  });

  it.each([
    ['openai', {}],
    ['openai', { choices: [] }],
    ['openai', { choices: [{ message: { content: 3 } }] }],
    ['openai', { error: { message: 'of a proxy', code: 429 } }],
    ['openai', []],
    ['openai', null],
    ['openai', { choices: [{ message: { content: 'a' } }], usage: { prompt_tokens: -1, completion_tokens: 0 } }],
    ['anthropic', { type: 'error', error: { message: 'x' } }],
    ['anthropic', { type: 'message' }],
    ['gemini', { candidates: [] }],
    ['gemini', { candidates: 'x' }],
  ] as const)('%s does not take %j for an answer', async (dialect, json) => {
    const { client } = answering(dialect, json);
    await expect(client.complete(ask('x'))).rejects.toMatchObject({ code: 'E_CHAT_RESPONSE' });
    expect(client.spent()).toMatchObject({ requests: 0, lost: 1 });
  });
});
