import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeConformance } from '@nlakit/conformance/vitest';
import { afterAll } from 'vitest';
import { fakeModel } from '../../dataset-wordnet/src/__fixtures__/fake-model.js';
import { plugin } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'nla-corpus-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const text = (index: number) => `the ${'animal of a river in the garden and '.repeat(3)} number ${index}`;
await writeFile(join(folder, 'texts.jsonl'), Array.from({ length: 30 }, (_, index) => JSON.stringify({ text: text(index) })).join('\n'));

describeConformance(plugin, {
  baseFolder: folder,
  options: {
    sources: [{ kind: 'jsonl', path: 'texts.jsonl' }],
    minPosition: 4,
    positionsPerDocument: 2,
    templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>' },
  },
  badOptions: [{ sources: [] }, { sources: [{ kind: 'jsonl' }] }, { sources: [{ kind: 'text', path: 'x' }], maxLength: 0 }],
  parts: {
    labeler: () => ({
      name: 'length',
      describe: () => ({ method: 'rule' }),
      label: (items) => Promise.resolve(items.map(({ id, text }) => ({ id, explanation: `${text.length} characters`, labeler: 'length' }))),
    }),
  },
  context: () => ({ model: fakeModel() }),
});
