import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeChat, type FakeChat } from '@nlakit/conformance/fake-chat';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flatteringJudge, readingJudge, type FakeJudge } from '../../../plugins/evaluator-judge/src/__fixtures__/fake-judges.js';
import { runNla } from './support/run-nla.js';

const recipe = 'steps: 1, saveEvery: 1, rank: 2, microBatch: 2, accumulate: 1, healthRows: 2';
const config = (judgeUrl: string): string => `schema: 1
name: judged
seed: 3
backend: { use: auto }
quantizer: { use: '@nlakit/ops#plain' }
model: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4', layer: 1 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 2, heldOutPerTopic: 2, maxTokens: 24 } }
trainers:
  ar: { use: '@nlakit/trainer-ar-sft', options: { ${recipe} } }
  av: { use: '@nlakit/trainer-av-sft', options: { ${recipe}, diversityRows: 0, allowOutOfDistributionInjection: true } }
evaluators:
  - id: judge
    use: '@nlakit/evaluator-judge'
    options:
      chat: { dialect: openai, model: fake, baseUrl: '${judgeUrl}' }
      rows: 24
      maxNewTokens: 4
      bootstrap: 100
      permutations: 100
`;

let chat: FakeChat;
let place = '';

async function nla(...args: readonly string[]) {
  const { code, out, error } = await runNla(place, [...args, '--json']);
  return { code, error, json: JSON.parse(out) as { headline: Record<string, number>; warnings: { code: string }[] } };
}

/** Judges the run anew, in a copy of it. */
async function judged(name: string, judge: FakeJudge, ...args: readonly string[]) {
  chat.answer = judge;
  await cp(join(place, 'trained'), join(place, name), { recursive: true });
  const result = await nla('eval', name, '--evaluator', 'judge', ...args);
  expect(result.code, JSON.stringify(result.json)).toBe(0);
  return result.json;
}

beforeAll(async () => {
  chat = await startFakeChat();
  place = await mkdtemp(join(tmpdir(), 'nla-judge-'));
  await writeFile(join(place, 'nla.config.yaml'), config(chat.baseUrls.openai));
  const trained = await nla('train', 'nla.config.yaml', '--run-dir', 'trained');
  expect(trained.code, JSON.stringify(trained.json)).toBe(0);
  expect(chat.requests).toHaveLength(0);
}, 900_000);
afterAll(async () => {
  await chat.stop();
  await rm(place, { recursive: true, force: true });
});

it(
  'judges a step; controls tell a judge that reads from one that does not; recorded answers replay without it',
  { timeout: 900_000 },
  async () => {
    const read = await judged('read', readingJudge);
    expect(read.headline).toMatchObject({ n: 24, unparsed: 0, chosenChance: 0.2 });
    expect(read.headline['gradeGold']).toBeGreaterThan(Number(read.headline['gradeShuffled']));

    // What one judge has answered is not for another.
    await cp(join(place, 'judge-answers'), join(place, 'recorded'), { recursive: true });
    await rm(join(place, 'judge-answers'), { recursive: true });
    const flattered = await judged('flattered', flatteringJudge);
    expect(flattered.headline).toMatchObject({ grade: 5, gradeShuffled: 5, gradeGold: 5 });
    const warned = flattered.warnings.map(({ code }) => code);
    expect(warned).toContain('W_JUDGE_BLIND');
    expect(warned).toContain('W_JUDGE_POSITION');

    const asked = chat.requests.length;
    const replay = ['--set', 'evaluators.judge.options.answers=recorded', '--set', 'evaluators.judge.options.chat.replayOnly=true'];
    const replayed = await judged('replayed', flatteringJudge, ...replay);
    expect(chat.requests).toHaveLength(asked);
    expect(replayed).toMatchObject({ headline: read.headline });
    const [file = ''] = await readdir(join(place, 'replayed', 'eval'), { recursive: true }).then((names) =>
      names.filter((name) => name.endsWith('.json')),
    );
    expect(JSON.parse(await readFile(join(place, 'replayed', 'eval', file), 'utf8'))).toMatchObject({ rows: expect.any(Array) });
  },
);
