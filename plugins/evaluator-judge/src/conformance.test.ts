import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startFakeChat } from '@nlakit/conformance/fake-chat';
import { describeConformance } from '@nlakit/conformance/vitest';
import { afterAll } from 'vitest';
import { readingJudge } from './__fixtures__/fake-judges.js';
import { recomputeJudge } from './__fixtures__/recompute-judge.js';
import { plugin } from './index.js';

const chat = await startFakeChat({ answer: readingJudge });
afterAll(() => chat.stop());
const judge = { dialect: 'openai', model: 'fake', baseUrl: chat.baseUrls.openai };

describeConformance(plugin, {
  options: {
    chat: judge,
    answers: mkdtempSync(path.join(tmpdir(), 'nla-judge-')),
    candidates: 3,
    maxNewTokens: 12,
    bootstrap: 100,
    permutations: 100,
  },
  badOptions: [{}, { chat: judge, candidates: 1 }, { chat: judge, questions: [] }, { chat: { ...judge, maxCost: 1 } }],
  recompute: recomputeJudge,
});
