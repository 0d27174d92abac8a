import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chatFaultSequence, seededChatFaults, startFakeChat, type FakeChat, type FakePrompt } from '@nlakit/conformance/fake-chat';
import type { EvaluateContext, NlaRow, PluginContext } from '@nlakit/core';
import type { EvaluationParts } from '@nlakit/nla/evaluation';
import { createSeedStreams } from '@nlakit/run';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fastClock } from '../../../packages/chat/src/__fixtures__/fast-clock.js';
import { flatteringJudge, readingJudge, type FakeJudge } from './__fixtures__/fake-judges.js';
import { recomputeJudge } from './__fixtures__/recompute-judge.js';
import {
  chatParaphraser,
  evaluateJudge,
  optionsSchema,
  plugin,
  readPrompts,
  summarizeJudge,
  type JudgedRow,
  type JudgeOptions,
} from './index.js';

/** Two rows a document, each with words of its own at its end, and a long beginning that all have in common. */
const rows = Array.from({ length: 40 }, (_, index): NlaRow => ({
  id: `r${index}`,
  documentId: `d${Math.floor(index / 2)}`,
  vector: Float32Array.of(index),
  text: `${'once there was a story '.repeat(40)}of subject${index} with thing${index}`,
  explanation: `about subject${index}, and of thing${index}`,
  rawTokens: 4,
}));

const world = vi.hoisted(() => ({
  rows: [] as unknown[],
  say: (index: number): string | null => `speaks of subject${index} and thing${index}`,
}));
vi.mock('@nlakit/nla/evaluation', async (original) => ({
  ...(await original<object>()),
  withEvaluation: (_context: unknown, _options: unknown, work: (parts: EvaluationParts) => unknown) =>
    work({
      rows: world.rows,
      verbalizer: {
        explain: (vectors: readonly Float32Array[]) =>
          Promise.resolve(
            vectors.map((vector) => ({ text: 't', explanation: world.say(vector[0] ?? NaN), tokens: new Int32Array(2), stopped: true })),
          ),
      },
      step: 50,
      warnings: [],
      provenance: { seed: 3 },
    } as unknown as EvaluationParts),
}));

let chat: FakeChat;
let folder = '';
beforeAll(async () => {
  chat = await startFakeChat();
});
afterAll(() => chat.stop());
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nla-judge-'));
  chat.fault = undefined;
  chat.answer = readingJudge;
  chat.clearRequests();
  world.rows = rows;
  world.say = (index) => `speaks of subject${index} and thing${index}`;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const optionsOf = (options: object = {}, judge: object = {}): JudgeOptions =>
  optionsSchema.parse({
    chat: { dialect: 'anthropic', model: 'fake', baseUrl: chat.baseUrls.anthropic, ...judge },
    bootstrap: 100,
    permutations: 100,
    ...options,
  });
const context = (): EvaluateContext =>
  ({
    seeds: createSeedStreams(3),
    signal: new AbortController().signal,
    log: { progress: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined },
  }) as unknown as EvaluateContext;
const evaluate = async (options: JudgeOptions = optionsOf(), fetch?: typeof globalThis.fetch) => {
  const prompts = await readPrompts(options, folder);
  const parts = { prompts, baseFolder: folder, name: 'judge', version: '1', clock: fastClock(), ...(fetch ? { fetch } : {}) };
  const evaluation = await evaluateJudge(context(), options, parts);
  return { ...evaluation, rows: evaluation.rows as readonly JudgedRow[] };
};
const withJudge = async (judge: FakeJudge, options: object = {}) => {
  chat.answer = judge;
  return evaluate(optionsOf({ answers: judge.name || 'other', ...options }));
};

/** What the judge that reads makes of the rows, and what it was asked for that: measured once, for all tests that look at it. */
let calm: Promise<Readonly<Awaited<ReturnType<typeof evaluate>> & { readonly prompts: readonly FakePrompt[] }>> | undefined;
const calmEvaluation = () =>
  (calm ??= evaluate().then((evaluation) => ({ ...evaluation, prompts: chat.requests.flatMap(({ prompt }) => prompt ?? []) })));
const codes = ({ warnings }: { readonly warnings: readonly { readonly code: string }[] }): string[] => warnings.map(({ code }) => code);

describe('a judge that reads', () => {
  it('finds sources by what is said of them, and none by what is said of others', async () => {
    const { summary, headline, warnings, provenance } = await calmEvaluation();
    expect(headline).toMatchObject({ n: 40, chosen: 1, chosenGold: 1, chosenChance: 0.2, unparsed: 0 });
    expect(headline['chosenP']).toBeLessThan(1e-10);
    expect(headline['chosenShuffled']).toBeLessThan(0.45);
    expect(headline['grade']).toBeGreaterThan(Number(headline['gradeShuffled']) + 1);
    expect(headline['gradeLow']).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
    expect(summary).toMatchObject({ documentCount: 20, choice: { AV_OUT: { documents: { n: 20, correct: 20 } } } });
    expect(provenance['judge']).toMatchObject({ dialect: 'anthropic', model: 'fake', usage: { answers: 240 } });
    expect(JSON.stringify(provenance)).not.toContain('127.0.0.1');
  });

  it('is at chance where the AV says the same of all', async () => {
    world.say = () => 'speaks of something';
    const { headline } = await evaluate();
    expect(headline['chosen']).toBeLessThan(0.4);
    expect(headline['chosenP']).toBeGreaterThan(0.01);
    expect(headline['gradeEffect']).toBe(0);
    expect(headline['chosenGold']).toBe(1);
  });

  it('is asked about empty outputs too', async () => {
    world.say = (index) => (index % 2 === 0 ? null : `speaks of subject${index} and thing${index}`);
    const { summary, rows: stored } = await evaluate();
    expect(summary['choice']).toMatchObject({ AV_OUT: { n: 40 } });
    expect(stored[0]).toMatchObject({ explanation: null, choice: { AV_OUT: { answer: expect.stringContaining('<choice>') } } });
  });
});

describe('a judge that does not read', () => {
  it('is exposed by the controls', async () => {
    const { headline, warnings } = await withJudge(flatteringJudge);
    expect(headline).toMatchObject({ grade: 5, gradeShuffled: 5, gradeGold: 5, gradeEffect: 0 });
    expect(headline['chosen']).toBeLessThan(0.4);
    expect(codes({ warnings })).toEqual(['W_JUDGE_BLIND', 'W_JUDGE_POSITION']);
    expect(warnings[0]?.message).toContain('choice and rubric');
    expect(codes(await withJudge(readingJudge))).toEqual([]);
  });

  it('counts where it gives no verdict', async () => {
    const { summary, headline, warnings, rows: stored } = await withJudge(() => 'Hard to say! '.repeat(500));
    expect(headline).toMatchObject({ n: 40, chosen: 0, grade: 1, unparsed: 240 });
    expect(summary).toMatchObject({ choice: { AV_OUT: { n: 40, unparsed: 40, p: 1 } }, positions: { mostShare: 0, p: 1 } });
    expect(codes({ warnings })).toEqual(['W_JUDGE_BLIND', 'W_JUDGE_UNPARSED']);
    expect(stored[7]?.choice.AV_OUT?.answer).toBe('Hard to say! '.repeat(500));
  });

  it('a refusal is no verdict, whatever stands in it', async () => {
    chat.fault = () => ({ type: 'refusal' });
    chat.answer = () => ({ text: '<choice>A</choice>' });
    expect((await evaluate()).headline).toMatchObject({ unparsed: 240 });
  });
});

describe('what the judge is asked', () => {
  it('is blind: no condition, id or label is told, and the order is random', async () => {
    const { prompts } = await calmEvaluation();
    expect(prompts).toHaveLength(240);
    for (const prompt of prompts) {
      const content = `${prompt.system ?? ''}${prompt.messages[0]?.content ?? ''}`;
      expect(content).not.toMatch(/AV_OUT|GOLD|SHUFFLED|\br\d+\b|\bd\d+\b|label/);
      expect(prompt).toMatchObject({ temperature: 0, maxTokens: 300 });
    }
  });

  it('offers the source once among texts of other documents, in every place about as often', async () => {
    const { rows: stored, summary } = await calmEvaluation();
    const documentOf = new Map(rows.map(({ id, documentId }) => [id, documentId]));
    for (const row of stored) {
      expect(documentOf.get(row.shuffledFrom)).not.toBe(row.documentId);
      const lists = Object.values(row.choice).map(({ offered, correct }) => {
        expect(offered).toHaveLength(5);
        expect(offered[correct]).toBe(row.id);
        expect(new Set(offered.map((id) => documentOf.get(id))).size).toBe(5);
        expect(offered.map((id) => documentOf.get(id))).not.toContain(documentOf.get(row.shuffledFrom));
        return [...offered].sort().join();
      });
      // The same texts for each condition.
      expect(new Set(lists).size).toBe(1);
    }
    const { correct } = summary['positions'] as { correct: number[] };
    expect(correct.reduce((sum, one) => sum + one, 0)).toBe(120);
    for (const count of correct) expect(count).toBeGreaterThan(10);
  });

  it('shows only the end of each text', async () => {
    await evaluate(optionsOf({ sourceCharacters: 40 }));
    const [first] = chat.requests;
    for (const [, text = ''] of (first?.prompt?.messages[0]?.content ?? '').matchAll(/<text[^>]*>\n([\s\S]*?)\n<\/text>/g)) {
      expect(text).toHaveLength(40);
      expect(text).toMatch(/thing\d+$/);
    }
  });

  it('can be one question only, of other prompts', async () => {
    const { summary } = await evaluate(optionsOf({ questions: ['rubric'] }));
    expect(summary).toMatchObject({ choice: {}, rubric: { AV_OUT: { n: 40 } } });
    expect(chat.requests).toHaveLength(120);
    await expect(evaluate(optionsOf({ choicePrompt: 'none.md' }))).rejects.toMatchObject({ code: 'E_CHAT_PROMPT' });
  });

  it('needs texts, and documents enough', async () => {
    world.rows = rows.map(({ text: _, ...row }) => row);
    await expect(evaluate()).rejects.toMatchObject({ code: 'E_JUDGE_TEXT' });
    world.rows = rows.slice(0, 8);
    await expect(evaluate()).rejects.toMatchObject({ code: 'E_JUDGE_DOCUMENTS', details: { kind: 'input' } });
    world.rows = rows.map(({ explanation: _, ...row }) => row);
    const { summary, warnings } = await evaluate();
    expect(Object.keys(summary['choice'] as object)).toEqual(['AV_OUT', 'SHUFFLED']);
    expect(codes({ warnings })).toEqual(['W_JUDGE_NO_GOLD']);
  });
});

describe('answers', () => {
  it('are replayed without the network to the same result', async () => {
    const recorded = await evaluate();
    const offline = () => Promise.reject(new Error('the network was used'));
    expect(await evaluate(optionsOf({}, { replayOnly: true, baseUrl: 'http://localhost:1' }), offline)).toEqual(recorded);
    await expect(evaluate(optionsOf({ seedName: 'other' }, { replayOnly: true }), offline)).rejects.toMatchObject({
      code: 'E_CHAT_NOT_RECORDED',
    });
  });

  it('add up to the summary, by the evaluator’s own code and by another', async () => {
    const mixed: FakeJudge = (prompt) => ((prompt.messages[0]?.content.length ?? 0) % 7 === 0 ? 'No idea.' : readingJudge(prompt));
    const { summary, rows: stored, ...rest } = await withJudge(mixed);
    const copy = JSON.parse(JSON.stringify(stored)) as JudgedRow[];
    expect(summarizeJudge(copy, optionsOf(), createSeedStreams(3))).toEqual(summary);
    const again = recomputeJudge({ ...rest, summary, rows: copy });
    expect(summary).toMatchObject(rounded(again, summary));
    const [first] = copy;
    if (!first?.choice.AV_OUT) throw new Error('no row');
    const changed = [
      {
        ...first,
        choice: {
          ...first.choice,
          AV_OUT: { ...first.choice.AV_OUT, chosen: first.choice.AV_OUT.chosen === null ? first.choice.AV_OUT.correct : null },
        },
      },
      ...copy.slice(1),
    ];
    expect(recomputeJudge({ ...rest, summary, rows: changed })).not.toMatchObject({ choice: (again as { choice: object }).choice });
  });

  it('survive faults: each question is answered once, and an evaluation that stopped goes on', async () => {
    const { prompts: _, ...calm } = await calmEvaluation();
    chat.fault = seededChatFaults(5, { rate: 0.3, most: 3 });
    expect(await evaluate()).toEqual(calm);
    await rm(path.join(folder, 'judge-answers'), { recursive: true });
    chat.clearRequests();
    chat.fault = ({ earlier }) => (chat.requests.length > 60 && earlier === 0 ? { type: 'status', status: 402 } : undefined);
    await expect(evaluate()).rejects.toMatchObject({ code: 'E_CHAT_QUOTA' });
    chat.fault = undefined;
    const before = chat.requests.filter(({ charged }) => charged).length;
    expect(before).toBeGreaterThan(50);
    chat.clearRequests();
    expect(await evaluate()).toEqual(calm);
    expect(chat.requests.length).toBe(240 - before);
  });

  it('stop at the cap', async () => {
    const prices = { inputPerMillion: 0, outputPerMillion: 1e6 };
    await expect(evaluate(optionsOf({}, { prices, maxCost: 900, concurrency: 1 }))).rejects.toMatchObject({ code: 'E_CHAT_BUDGET' });
    expect(chat.requests.length).toBeGreaterThan(1);
    expect(chat.requests.length).toBeLessThan(240);
  });
});

describe('chatParaphraser', () => {
  const signal = new AbortController().signal;
  const make = (more: object = {}) =>
    chatParaphraser(
      { chat: { dialect: 'openai', model: 'fake', baseUrl: chat.baseUrls.openai }, ...more },
      { baseFolder: folder, clock: fastClock() },
    );

  it('gives one text for each, or null, and keeps answers', async () => {
    chat.answer = ({ messages }) => {
      const text = /<text>\n([\s\S]*?)\n<\/text>/.exec(messages[0]?.content ?? '')?.[1] ?? '';
      return text === 'b' ? 'I would rather not.' : `<paraphrase>\nput otherwise: ${text}\n</paraphrase>`;
    };
    const paraphrase = await make();
    expect(await paraphrase(['a', 'b', 'c'], { signal })).toEqual(['put otherwise: a', null, 'put otherwise: c']);
    chat.fault = chatFaultSequence([{ type: 'status', status: 401 }]);
    expect(await (await make())(['a', 'b', 'c'], { signal })).toEqual(['put otherwise: a', null, 'put otherwise: c']);
    expect(chat.requests).toHaveLength(3);
    expect(await paraphrase([], { signal })).toEqual([]);
  });

  it('says what is wrong with its options', async () => {
    await expect(make({ tempo: 1 })).rejects.toMatchObject({ code: 'E_CHAT_OPTIONS' });
    await expect(make({ prompt: 'none.md' })).rejects.toMatchObject({ code: 'E_CHAT_PROMPT' });
  });
});

describe('a missing key', () => {
  const make = (judge: object = {}) =>
    plugin.create(optionsOf({}, { apiKeyEnv: 'NLA_TEST_NO_KEY', ...judge }), { baseFolder: folder } as PluginContext);

  it('is noticed before anything is measured', async () => {
    await expect(make()).rejects.toMatchObject({ code: 'E_CHAT_KEY', details: { found: 'NLA_TEST_NO_KEY is not set' } });
    vi.stubEnv('NLA_TEST_NO_KEY', 'there');
    await expect(make()).resolves.toMatchObject({ name: '@nlakit/evaluator-judge' });
    vi.unstubAllEnvs();
  });

  it('is none where answers are replayed, or some are kept', async () => {
    await expect(make({ replayOnly: true })).resolves.toBeDefined();
    await mkdir(path.join(folder, 'judge-answers/ab'), { recursive: true });
    await expect(make()).resolves.toBeDefined();
  });
});

/** The same figures, each replaced by that of the summary where they agree to 1e-9. */
function rounded(figures: unknown, summary: unknown): object {
  if (typeof figures === 'number') return (Math.abs(figures - Number(summary)) <= 1e-9 ? summary : figures) as object;
  return Object.fromEntries(
    Object.entries(figures as object).map(([name, value]) => [name, rounded(value, (summary as Record<string, unknown>)[name])]),
  );
}
