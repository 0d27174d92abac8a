import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeedStreams } from '@nlakit/run';
import { beforeAll, expect, it } from 'vitest';
import { loadExtensions } from './extensions.js';
import { optionsSchema } from './index.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-retrieval-'));
  await writeFile(
    join(folder, 'mine.mjs'),
    `export const paraphrase = async (texts) => texts.map((text) => text.toUpperCase());
     export const make = async (options, { baseFolder }) => async (texts) => texts.map((text) => (text === options.except ? null : baseFolder + text));
     export const makeNothing = () => 3;
     export const embed = async (texts) => texts.map((text) => [text.length]);
     export const transform = { name: 'mine', meaning: 'mine', apply: (texts) => texts.map(() => []) };
     export const taken = { name: 'empty', meaning: 'mine', apply: (texts) => texts.map(() => []) };
     export default transform;`,
  );
  await writeFile(join(folder, 'typed.ts'), 'export default async (texts: string[]): Promise<string[]> => texts;');
});
const load = (options: object) => loadExtensions(optionsSchema.parse(options), folder);

it('adds paraphraser, embedder and transforms of one’s own, by path from the config', async () => {
  const { transforms, embedder } = await load({
    paraphraser: './mine.mjs#paraphrase',
    embedder: './mine.mjs#embed',
    transforms: ['./mine.mjs'],
  });
  expect(transforms.map(({ name }) => name)).toEqual(['empty', 'shuffle-words', 'shuffle-sentences', 'drop-claim', 'paraphrase', 'mine']);
  const context = { random: createSeedStreams(0).stream('x'), signal: new AbortController().signal };
  expect(await transforms[4]?.apply(['so'], context)).toEqual([[{ text: 'SO' }]]);
  expect(await embedder?.(['abc'], context)).toEqual([[3]]);
  expect((await load({ paraphraser: './typed.ts' })).transforms).toHaveLength(5);
  const made = (await load({ paraphraser: { use: './mine.mjs#make', options: { except: 'b' } } })).transforms[4];
  expect(await made?.apply(['a', 'b'], context)).toEqual([[{ text: `${folder}a` }], []]);
  expect(await load({})).toEqual({ transforms: expect.any(Array) });
});

it('says what is wrong with them', async () => {
  await expect(load({ paraphraser: './none.mjs' })).rejects.toMatchObject({ code: 'E_MODULE_LOAD', details: { kind: 'input' } });
  await expect(load({ paraphraser: './mine.mjs#other' })).rejects.toMatchObject({ code: 'E_MODULE_EXPORT' });
  await expect(load({ paraphraser: './mine.mjs#transform' })).rejects.toMatchObject({ code: 'E_TRANSFORM_INVALID' });
  await expect(load({ paraphraser: { use: './mine.mjs#makeNothing' } })).rejects.toMatchObject({ code: 'E_TRANSFORM_INVALID' });
  await expect(load({ transforms: ['./mine.mjs#embed'] })).rejects.toMatchObject({ code: 'E_TRANSFORM_INVALID' });
  await expect(load({ transforms: ['./mine.mjs#taken'] })).rejects.toMatchObject({ code: 'E_TRANSFORM_INVALID' });
});
