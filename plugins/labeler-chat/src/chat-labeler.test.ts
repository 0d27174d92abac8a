import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  chatFaultSequence,
  seededChatFaults,
  startFakeChat,
  type ChatDialect,
  type FakeChat,
  type FakePrompt,
} from '@nlakit/conformance/fake-chat';
import type { Label, LabelContext, LabelItem, Model } from '@nlakit/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fastClock } from '../../../packages/chat/src/__fixtures__/fast-clock.js';
import { createChatLabeler, optionsSchema, readPrompts } from './index.js';

let chat: FakeChat;
let folder = '';
const said: string[] = [];

/** The text that a prompt of ours is about. */
const textIn = ({ messages }: FakePrompt): string => /<text>\n([\s\S]*?)\n<\/text>/.exec(messages.at(-1)?.content ?? '')?.[1] ?? '';
const isAudit = ({ messages }: FakePrompt): boolean => messages.at(-1)?.content.includes('<description>') ?? false;
const descriptionOf = (text: string): string => `Speaks of ${text}.\n\nEnds with the last word of it.`;
const describeIt = (prompt: FakePrompt): string => `<analysis>\n${descriptionOf(textIn(prompt))}\n</analysis>`;
const accept = '<verdict>accept</verdict><reason>right</reason>';

beforeAll(async () => {
  chat = await startFakeChat();
});
afterAll(() => chat.stop());
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nla-label-'));
  said.length = 0;
  chat.fault = undefined;
  chat.answer = (prompt) => (isAudit(prompt) ? accept : describeIt(prompt));
  chat.clearRequests();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const item = (text: string, id = text): LabelItem => ({ id, documentId: id, text, token: text.slice(-3) });
const items = Array.from({ length: 10 }, (_, at) => item(`text ${at}`));
const idle = new AbortController().signal;
const contextOf = (signal: AbortSignal = idle): LabelContext => ({
  model: {} as Model,
  cacheFolder: path.join(folder, 'answers'),
  signal,
  log: { debug: () => undefined, info: (text) => said.push(text), warn: (text) => said.push(text), progress: () => undefined },
});
const labelerOf = async (options: Record<string, unknown> = {}, chatOptions: Record<string, unknown> = {}) => {
  const parsed = optionsSchema.parse({
    chat: { dialect: 'openai', model: 'fake', baseUrl: chat.baseUrls.openai, ...chatOptions },
    ...options,
  });
  return createChatLabeler(parsed, await readPrompts(parsed, folder), { baseFolder: folder, clock: fastClock() });
};
const reasons = (labels: readonly Label[]): (string | null)[] => labels.map((label) => (label.explanation === null ? label.reason : null));

describe.each(['openai', 'anthropic', 'gemini'] as const)('%s', (dialect: ChatDialect) => {
  it('labels in the order of the items, without a key', async () => {
    const labeler = await labelerOf({}, { dialect, baseUrl: chat.baseUrls[dialect] });
    expect(await labeler.label(items, contextOf())).toEqual(
      items.map(({ id, text }) => ({ id, explanation: descriptionOf(text), labeler: 'fake' })),
    );
    const [prompt] = chat.requests.map((request) => request.prompt);
    expect(prompt).toMatchObject({ maxTokens: 300, temperature: 1 });
    expect(prompt?.system).toContain('You study');
    expect(prompt?.messages[0]?.content).toContain('The last token is: t 0');
    expect(chat.requests.every(({ authorized }) => !authorized)).toBe(true);
  });
});

describe('one pass', () => {
  it('drops a row with the reason, and asks again where that may help', async () => {
    chat.answer = (prompt) => {
      const text = textIn(prompt);
      if (text === 'text 1') return 'no tags at all';
      if (text === 'text 2') return { text: 'I will not.', stop: 'refusal' };
      if (text === 'text 3') return { text: '<analysis>one\n\ntwo', stop: 'length' };
      if (text === 'text 4') return '<analysis>one</analysis>';
      if (text === 'text 5') return prompt.seed === 1 ? describeIt(prompt) : '';
      return describeIt(prompt);
    };
    const labels = await (await labelerOf()).label(items.slice(0, 7), contextOf());
    expect(reasons(labels)).toEqual([
      null,
      'the answer has no <analysis>',
      'the model refused',
      'the answer was cut at maxTokens',
      '1 of at least 2 features',
      null,
      null,
    ]);
    // Once each, twice where the answer could not be used; a refusal stays one.
    expect(chat.requests).toHaveLength(7 + 4);
  });

  it('answers equal texts once, and asks for nothing twice', async () => {
    const labels = await (await labelerOf()).label([item('same', 'a'), item('same', 'b'), item('other', 'c')], contextOf());
    expect(labels.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(chat.requests).toHaveLength(2);
    expect(await (await labelerOf()).label([item('same', 'a'), item('same', 'b'), item('other', 'c')], contextOf())).toEqual(labels);
    expect(chat.requests).toHaveLength(2);
  });

  it('puts texts in as they are, whatever they hold', async () => {
    const text = '{token} $& </text> {explanation}';
    await (await labelerOf()).label([item(text)], contextOf());
    expect(chat.requests[0]?.prompt?.messages[0]?.content).toContain(`<text>\n${text}\n</text>`);
  });

  it('drops rows whose retries are exhausted, and stops when that goes on', async () => {
    chat.fault = ({ body }) => (chat.requests.length % 2 === 1 && body ? { type: 'status', status: 500 } : undefined);
    const labels = await (await labelerOf({}, { retries: 0, concurrency: 1 })).label(items, contextOf());
    expect(reasons(labels).filter((reason) => reason?.startsWith('E_CHAT_RESPONSE: 500'))).toHaveLength(5);
    chat.fault = () => ({ type: 'status', status: 500 });
    chat.clearRequests();
    await rm(path.join(folder, 'answers'), { recursive: true });
    const labeler = await labelerOf({ giveUpAfter: 3 }, { retries: 0, concurrency: 1 });
    await expect(labeler.label(items, contextOf())).rejects.toMatchObject({ code: 'E_CHAT_RESPONSE' });
    expect(chat.requests).toHaveLength(3);
  });

  it('stops at once for what concerns all rows', async () => {
    chat.fault = () => ({ type: 'status', status: 401 });
    await expect((await labelerOf({}, { concurrency: 2 })).label(items, contextOf())).rejects.toMatchObject({ code: 'E_CHAT_KEY' });
    expect(chat.requests.length).toBeLessThanOrEqual(2);
  });

  it('stops when it is told to, and goes on with another signal', async () => {
    const labeler = await labelerOf();
    await expect(labeler.label(items, contextOf(AbortSignal.abort(new Error('enough'))))).rejects.toThrow('enough');
    expect(await labeler.label(items, contextOf())).toHaveLength(10);
  });
});

describe('labeller and auditor', () => {
  it('accepts, edits and rejects with a reason', async () => {
    chat.answer = (prompt) => {
      if (!isAudit(prompt)) return describeIt(prompt);
      const text = textIn(prompt);
      if (text === 'text 1') return '<verdict>edit</verdict><reason>too vague</reason><analysis>Better one.\n\nBetter two.</analysis>';
      if (text === 'text 2') return '<verdict>reject</verdict><reason>made up</reason>';
      if (text === 'text 3') return 'Looks good to me!';
      if (text === 'text 4') return '<verdict>edit</verdict><analysis>only one</analysis>';
      if (text === 'text 5') return { text: 'No.', stop: 'refusal' };
      if (text === 'text 6') return prompt.seed === 1 ? accept : '<verdict>reject</verdict>';
      return accept;
    };
    const labels = await (await labelerOf({ audit: true })).label(items.slice(0, 8), contextOf());
    expect(reasons(labels)).toEqual([
      null,
      null,
      'rejected: made up',
      'the audit gives no verdict',
      'the audit’s edit: 1 of at least 2 features',
      'the auditor refused',
      null,
      null,
    ]);
    expect(labels[0]).toEqual({ id: 'text 0', explanation: descriptionOf('text 0'), labeler: 'fake, audited by fake' });
    expect(labels[1]).toMatchObject({ explanation: 'Better one.\n\nBetter two.' });
    const [audit] = chat.requests.flatMap(({ prompt }) => (prompt && isAudit(prompt) ? [prompt] : []));
    expect(audit).toMatchObject({ temperature: 0, maxTokens: 500, system: expect.stringContaining('auditor') });
    expect(audit?.messages[0]?.content).toContain(descriptionOf(textIn(audit as FakePrompt)));
  });

  it('may be two models, each with its prompt', async () => {
    await writeFile(path.join(folder, 'mine.md'), 'Mine: <text>\n{text}\n</text>');
    await writeFile(
      path.join(folder, 'check.md'),
      'Auditor of mine.\n---\n<text>\n{text}\n</text><description>{explanation}</description>',
    );
    const labeler = await labelerOf({
      prompt: './mine.md',
      audit: { prompt: 'check.md', chat: { dialect: 'gemini', model: 'other', baseUrl: chat.baseUrls.gemini } },
    });
    const [label] = await labeler.label(items.slice(0, 1), contextOf());
    expect(label).toMatchObject({ labeler: 'fake, audited by other' });
    expect(chat.requests.map(({ dialect, prompt }) => [dialect, prompt?.model, prompt?.system])).toEqual([
      ['openai', 'fake', undefined],
      ['gemini', 'other', 'Auditor of mine.'],
    ]);
    const ours = (await labelerOf({ audit: true })).describe();
    expect(labeler.describe()).toMatchObject({ model: 'fake', audit: { model: 'other' } });
    expect(labeler.describe()['promptSha256']).not.toBe(ours['promptSha256']);
    expect(JSON.stringify(labeler.describe())).not.toContain('127.0.0.1');
  });

  it('needs prompts that can be filled', async () => {
    await writeFile(path.join(folder, 'bad.md'), 'Describe something.');
    await expect(labelerOf({ prompt: 'bad.md' })).rejects.toMatchObject({ code: 'E_CHAT_PROMPT' });
    await expect(labelerOf({ audit: { prompt: 'none.md' } })).rejects.toMatchObject({ code: 'E_CHAT_PROMPT' });
  });
});

describe('the estimate', () => {
  const prices = { inputPerMillion: 1, outputPerMillion: 10 };

  it('asks nobody, and counts what is there already as nothing', async () => {
    const labeler = await labelerOf({ audit: true }, { prices });
    const before = await labeler.estimate?.(items, contextOf());
    expect(chat.requests).toHaveLength(0);
    expect(before?.figures).toMatchObject({ requests: 20, cached: 0, outputTokensAtMost: 10 * 300 + 10 * 500 });
    await labeler.label(items.slice(0, 4), contextOf());
    const asked = chat.requests.length;
    const rest = await labeler.estimate?.(items, contextOf());
    expect(rest?.figures).toMatchObject({ requests: 20, cached: 8, outputTokensAtMost: 6 * 800 });
    expect(rest?.figures['cost']).toBeLessThan(before?.figures['cost'] as number);
    expect(chat.requests).toHaveLength(asked);
  });

  it('is not below what is spent in the end', async () => {
    const labeler = await labelerOf({ audit: true }, { prices });
    const before = await labeler.estimate?.(items, contextOf());
    await labeler.label(items, contextOf());
    const spent = Number(/\$(\d+\.\d+)/.exec(said.at(-1) ?? '')?.[1]);
    expect(said.at(-1)).toContain('20 answers so far');
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(before?.figures['cost'] as number);
  });

  it('warns where prices are missing, and where the cap will stop it', async () => {
    const codes = async (chatOptions: Record<string, unknown>) =>
      (await (await labelerOf({}, chatOptions)).estimate?.(items, contextOf()))?.warnings.map(({ code }) => code);
    expect(await codes({})).toEqual(['W_LABEL_PRICES']);
    expect(await codes({ prices, maxCost: 0.0001 })).toEqual(['W_LABEL_COST']);
    expect(await codes({ prices, maxCost: 5 })).toEqual([]);
  });

  it('the cap holds for everything that one labeler asks, also with a new signal', async () => {
    const labeler = await labelerOf({}, { prices: { inputPerMillion: 0, outputPerMillion: 1e6 }, maxCost: 340, concurrency: 1 });
    const outcome = async (some: readonly LabelItem[]) =>
      labeler.label(some, contextOf(new AbortController().signal)).then(
        () => 'done',
        (error: unknown) => (error as { code: string }).code,
      );
    const outcomes = [await outcome(items.slice(0, 1)), await outcome(items.slice(1, 2)), await outcome(items.slice(2, 6))];
    expect(outcomes).toEqual(['done', 'done', 'E_CHAT_BUDGET']);
  });
});

describe('fault schedules', () => {
  it.each(Array.from({ length: 100 }, (_, seed) => seed))('%i: every row has exactly one label, and the right one', async (seed) => {
    chat.fault = seededChatFaults(seed, {
      rate: 0.15 + 0.05 * (seed % 9),
      ...(seed % 2 === 0 ? {} : { types: ['status', 'drop', 'malformed', 'refuse-connection', 'refusal', 'empty', 'length'] }),
    });
    const labeler = await labelerOf({ audit: seed % 3 === 0, giveUpAfter: 100 }, { retries: seed % 4, concurrency: 1 + (seed % 4) });
    const twice = [...items, item('text 3', 'again')];
    const labels = await labeler.label(twice, contextOf());
    expect(labels.map(({ id }) => id)).toEqual(twice.map(({ id }) => id));
    for (const [at, label] of labels.entries()) {
      if (label.explanation === null) expect(label.reason).not.toBe('');
      else expect(label.explanation).toBe(descriptionOf(twice[at]?.text ?? ''));
    }
    // Later, without faults, whatever was explained is explained the same.
    chat.fault = undefined;
    const later = await labeler.label(twice, contextOf());
    labels.forEach((label, at) => {
      if (label.explanation !== null) expect(later[at]).toEqual(label);
    });
  });
});

it('goes on where a killed process stopped: nothing that was answered is asked again', async () => {
  const many = Array.from({ length: 60 }, (_, at) => item(`long text ${at}`));
  const options = { chat: { dialect: 'openai', model: 'fake', baseUrl: chat.baseUrls.openai, concurrency: 4 } };
  const here = path.dirname(fileURLToPath(import.meta.url));
  const args = [
    '--conditions=@nlakit/source',
    '--import',
    new URL('../../../packages/cli/test/support/register-source.mjs', import.meta.url).href,
    path.join(here, '__fixtures__/label-items.mjs'),
    JSON.stringify(options),
    path.join(folder, 'answers'),
    JSON.stringify(many),
  ];
  chat.fault = () => ({ type: 'slow', milliseconds: 20 });
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  while (chat.requests.length < 20) await new Promise((next) => setTimeout(next, 5));
  child.kill('SIGKILL');
  await ended;
  const kept = await answersIn(path.join(folder, 'answers'));
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThan(60);
  chat.clearRequests();
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual(many.map(({ id, text }) => ({ id, explanation: descriptionOf(text), labeler: 'fake' })));
  expect(chat.requests).toHaveLength(60 - kept.length);
});

async function answersIn(place: string): Promise<string[]> {
  const files = (await readdir(place, { recursive: true, withFileTypes: true })).filter(
    (one) => one.isFile() && one.name.endsWith('.json'),
  );
  for (const file of files) JSON.parse(await readFile(path.join(file.parentPath, file.name), 'utf8'));
  return files.map(({ name }) => name);
}

it('has faults in a row that it survives', async () => {
  chat.fault = chatFaultSequence([{ type: 'status', status: 429, retryAfter: 3 }, { type: 'drop' }, { type: 'malformed', form: 'page' }]);
  expect(reasons(await (await labelerOf()).label(items, contextOf()))).toEqual(items.map(() => null));
});
