import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RandomStream } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNla } from './support/nla-process.js';
import { allFiles, hashesOf } from './support/run-files.js';
import { runNla } from './support/run-nla.js';

/** Small chunks, so that there are many moments to be killed at; the labeler takes its time over each. */
const config = `schema: 1
name: small
seed: 3
backend: { use: auto }
quantizer: { use: '@nlakit/ops#plain' }
model: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4', layer: 1 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
labeler: { use: './slow-labeler.mjs' }
dataset:
  use: '@nlakit/dataset-corpus'
  options:
    sources: [{ kind: text, path: ./texts }]
    minPosition: 4
    positionsPerDocument: 3
    chunkDocuments: 3
    batchTokens: 64
    labelChunkRows: 9
    shuffle: [arSft]
    fractions: { avSft: 0.4, arSft: 0.4, heldOut: 0.2 }
    templates: { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>' }
`;

const labeler = `export const plugin = {
  specVersion: 'v1', kind: 'labeler', name: 'slow', version: '1.0.0',
  optionsSchema: { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: {} }) } },
  create: () => ({
    name: 'slow',
    describe: () => ({ method: 'rule' }),
    label: async (items) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return items.map(({ id, text }, index) =>
        index === 4 ? { id, explanation: null, reason: 'the fifth' } : { id, explanation: 'ends in ' + text.split(' ').at(-1), labeler: 'slow' });
    },
  }),
};
export default plugin;
`;

/** Processes take their time where others are at work. */
const patience = 900_000;

let place: string;
let whole: Record<string, string>;

const build = (run: string) => runNla(place, ['data', 'build', 'nla.config.yaml', '--run-dir', run]);

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'nla-corpus-kill-'));
  await writeFile(join(place, 'nla.config.yaml'), config);
  await writeFile(join(place, 'slow-labeler.mjs'), labeler);
  await mkdir(join(place, 'texts'));
  const random = createSeedStreams(1).stream('texts');
  const words = ['the', 'river', 'of', 'a', 'large', 'animal', 'that', 'lives', 'in', 'water', 'stone', 'house'];
  for (let index = 0; index < 36; index += 1) {
    const text = Array.from({ length: 8 + random.integer(30) }, () => words[random.integer(words.length)]).join(' ');
    await writeFile(join(place, 'texts', `${String(index).padStart(2, '0')}.txt`), `${text} ${index}`);
  }
  expect(await build('whole')).toMatchObject({ code: 0 });
  whole = await hashesOf(join(place, 'whole'), ['data']);
  const names = Object.keys(whole);
  expect(names.filter((path) => path.endsWith('.parquet'))).toHaveLength(3);
  expect(names.filter((path) => path.includes('.stages/extract/chunk_'))).toHaveLength(12);
  expect(names.filter((path) => path.includes('.stages/label/chunk_')).length).toBeGreaterThan(5);
}, patience);

afterAll(() => rm(place, { recursive: true, force: true }));

const chunks = (run: string, stage: string): number => {
  const folder = join(place, run, 'data/.stages', stage);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('chunk_')).length : 0;
};

/** Something is being written there: a temporary file can be seen. */
const writing = (folder: string): boolean => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.tmp'));

type Moment = (run: string) => boolean;
const moments = {
  extracted: (run) => chunks(run, 'extract') >= 4,
  writingChunk: (run) => writing(join(place, run, 'data/.stages/extract')) || chunks(run, 'extract') === 12,
  labelled: (run) => chunks(run, 'label') >= 3,
  writingLabels: (run) => (chunks(run, 'label') >= 4 && writing(join(place, run, 'data/.stages/label'))) || chunks(run, 'label') >= 6,
  building: (run) => existsSync(join(place, run, 'data/av_sft.parquet')) || writing(join(place, run, 'data')),
} satisfies Record<string, Moment>;

/** Starts a build and kills it after a moment. False if it was done before. */
async function startAndKill(run: string, hasCome: Moment, delay: number): Promise<boolean> {
  const { child, ended } = startNla(place, ['data', 'build', 'nla.config.yaml', '--run-dir', run]);
  let over = false;
  void ended.finally(() => (over = true));
  while (!over && !hasCome(run)) await wait(1);
  if (delay > 0) await wait(delay);
  child.kill('SIGKILL');
  const { signal, code, error } = await ended;
  if (signal === 'SIGKILL') return true;
  expect({ code, error }).toMatchObject({ code: 0 });
  return false;
}

async function killAndResume(run: string, itinerary: readonly Moment[], random: RandomStream): Promise<number> {
  let kills = 0;
  for (const moment of itinerary) if (await startAndKill(run, moment, random.integer(12))) kills += 1;
  expect(await build(run)).toMatchObject({ code: 0 });
  expect(await hashesOf(join(place, run), ['data'])).toEqual(whole);
  expect((await allFiles(join(place, run))).filter((path) => path.endsWith('.tmp') || path === 'run.lock')).toEqual([]);
  return kills;
}

describe('data that is being made', { timeout: patience }, () => {
  it('and killed while it is extracted, labelled and built, comes to the bytes of an undisturbed run', async () => {
    const random = createSeedStreams(1).stream('kills');
    const { extracted, labelled, building } = moments;
    expect(await killAndResume('killed', [extracted, labelled, building], random)).toBeGreaterThanOrEqual(2);
  });

  it('and killed thirty times, anywhere, does so too', { tags: ['slow'], timeout: 4 * patience }, async () => {
    const random = createSeedStreams(2).stream('kills');
    let kills = 0;
    for (let round = 0; kills < 30; round += 1) kills += await killAndResume(`slow-${round}`, Object.values(moments), random);
  });
});

describe('nla data', { timeout: patience }, () => {
  const nla = async (...args: readonly string[]) => {
    const { code, out } = await runNla(place, ['data', ...args, '--json']);
    return { code, json: JSON.parse(out) as Record<string, unknown> & { error?: { code: string } } };
  };

  it('goes stage by stage, in shards, to the same bytes; prices labels; names wrong use', async () => {
    const config = 'nla.config.yaml';
    expect(await nla('label', config, '--run-dir', 'staged', '--dry-run')).toMatchObject({ code: 0, json: { figures: { documents: 36 } } });
    expect(chunks('staged', 'extract')).toBe(0);
    for (const shard of ['1/2', '0/2'])
      expect(await nla('extract', config, '--run-dir', 'staged', '--shard', shard)).toMatchObject({ code: 0 });
    const extracted = await nla('extract', config, '--run-dir', 'staged');
    expect(extracted).toMatchObject({ code: 0, json: { stage: 'extract', figures: { documentsSeen: 36 } } });
    expect(await nla('split', config, '--run-dir', 'staged')).toMatchObject({ code: 0, json: { stage: 'split' } });
    expect(await nla('label', config, '--run-dir', 'staged', '--shard', '2/2')).toMatchObject({
      code: 2,
      json: { error: { code: 'E_USAGE' } },
    });
    expect(await nla('label', config, '--run-dir', 'staged')).toMatchObject({ code: 0, json: { stage: 'label' } });
    expect(await nla('build', config, '--run-dir', 'staged')).toMatchObject({ code: 0, json: { skipped: false } });
    const made = await hashesOf(join(place, 'staged'), ['data']);
    expect(made).toEqual(whole);
  });
});
