import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RandomStream } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNla } from './support/nla-process.js';
import { allFiles, expectWholeCheckpoints, hashesOf } from './support/run-files.js';
import { runNla } from './support/run-nla.js';

const recipe = 'steps: 5, saveEvery: 2, rank: 2, microBatch: 2, accumulate: 1, healthRows: 2, dropout: 0.1';

/** The smallest training that goes through every stage, with random streams of every kind in it. */
const config = `schema: 1
name: small
seed: 3
backend: { use: auto }
quantizer: { use: '@nlakit/ops#plain' }
model: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4', layer: 1 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 2, heldOutPerTopic: 1, maxTokens: 24 } }
trainers:
  ar: { use: '@nlakit/trainer-ar-sft', options: { ${recipe} } }
  av: { use: '@nlakit/trainer-av-sft', options: { ${recipe}, optimizer: adamw8bit, diversityRows: 2, allowOutOfDistributionInjection: true } }
evaluators:
  - { id: h5, use: '@nlakit/evaluator-h5', options: { rows: 2, at: [4, 5], maxNewTokens: 4, bootstrap: 100, permutations: 100 } }
`;

/** Everything that is published, and what it is made from. */
const made = ['data', 'reconstructor', 'trajectory', 'eval', 'resume'];

/** Processes take their time where others are at work. */
const patience = 900_000;

let place: string;
let whole: Record<string, string>;

const nla = (...args: readonly string[]) => runNla(place, args);

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'nla-kill-'));
  await writeFile(join(place, 'nla.config.yaml'), config);
  expect(await nla('run', 'nla.config.yaml', '--run-dir', 'whole')).toMatchObject({ code: 0, error: expect.any(String) });
  whole = await hashesOf(join(place, 'whole'), made);
  expect(Object.keys(whole).filter((path) => path.endsWith('adapter_model.safetensors'))).toHaveLength(6);
  expect(Object.keys(whole).filter((path) => path.startsWith('eval/'))).toHaveLength(2);
}, patience);

afterAll(() => rm(place, { recursive: true, force: true }));

/** Looked at before a process starts in a run folder: tells, from the files there, whether the moment has come; `pid` is the process. */
type Moment = (run: string) => (pid: number) => boolean;

const text = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
const names = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/** So many steps of a role are done. */
const steps =
  (role: string, count: number): Moment =>
  (run) =>
  () =>
    text(join(run, 'events.jsonl')).split(`"role":"${role}","type":"step"`).length > count;
/** There is something in `folder`. */
const something =
  (folder: string): Moment =>
  (run) =>
  () =>
    names(join(run, folder)).length > 0;
/** The process is writing a folder or a file in `folder`, or has just done so, should that have been too quick to be seen. */
const writing =
  (folder: string): Moment =>
  (run) => {
    const visible = (): string =>
      names(join(run, folder))
        .filter((name) => !name.startsWith('.'))
        .join();
    const before = visible();
    return (pid) => names(join(run, folder)).some((name) => name.startsWith('.') && name.includes(`.${pid}`)) || visible() !== before;
  };

type Itinerary = readonly { readonly when: Moment; readonly within: number }[];

/** One run, killed while it writes each kind of thing and between two steps, in the order in which the moments come. */
const itinerary: Itinerary = [
  { when: writing('data'), within: 5 },
  { when: steps('ar', 3), within: 60 },
  { when: writing('reconstructor'), within: 12 },
  { when: writing('resume/av'), within: 12 },
  { when: writing('trajectory'), within: 12 },
  { when: something('eval/h5'), within: 150 },
];

/** Two runs, each killed five times, with the moments that the one above leaves out. */
const moreItineraries: readonly Itinerary[] = [
  [
    { when: something('.'), within: 1500 },
    { when: writing('reconstructor'), within: 12 },
    { when: steps('ar', 3), within: 60 },
    { when: writing('resume/av'), within: 12 },
    { when: something('eval/h5'), within: 150 },
  ],
  [
    { when: writing('data'), within: 5 },
    { when: writing('resume/ar'), within: 12 },
    { when: writing('trajectory'), within: 12 },
    { when: steps('av', 4), within: 300 },
    { when: writing('eval/h5'), within: 0 },
  ],
];

/** Starts the run and kills it at a random time after a moment. False if it was done before. */
async function startAndKill(run: string, when: Moment, delay: number): Promise<boolean> {
  const hasCome = when(join(place, run));
  const { child, ended } = startNla(place, ['run', 'nla.config.yaml', '--run-dir', run]);
  let over = false;
  void ended.finally(() => (over = true));
  while (!over && !hasCome(child.pid ?? 0)) await wait(1);
  if (delay > 0) await wait(delay);
  child.kill('SIGKILL');
  const { signal, code, error } = await ended;
  if (signal === 'SIGKILL') return true;
  expect({ code, error }).toMatchObject({ code: 0 });
  return false;
}

async function killAndResume(run: string, itinerary: Itinerary, random: RandomStream): Promise<number> {
  let kills = 0;
  for (const { when, within } of itinerary) {
    if (await startAndKill(run, when, Math.floor(random.uniform() * within))) kills += 1;
    await expectWholeCheckpoints(join(place, run));
  }
  // Killed again before it was far enough for the last moment, a run goes on all the same.
  expect(await nla('run', 'nla.config.yaml', '--run-dir', run)).toMatchObject({ code: 0 });
  expect(await hashesOf(join(place, run), made)).toEqual(whole);
  expect(await expectWholeCheckpoints(join(place, run))).toBe(10);
  const litter = (await allFiles(join(place, run))).filter((path) => /(?:^|\/)\./.test(path) || path === 'run.lock');
  expect(litter).toEqual([]);
  return kills;
}

describe('a run that is killed', { timeout: patience }, () => {
  it('six times, anywhere, goes on to the bytes of one that was not', async () => {
    expect(await killAndResume('killed', itinerary, createSeedStreams(1).stream('kills'))).toBe(itinerary.length);
  });

  it('fifty times, anywhere, goes on to the bytes of one that was not', { tags: ['slow'], timeout: 4 * patience }, async () => {
    const random = createSeedStreams(2).stream('kills');
    let kills = 0;
    for (let round = 0; kills < 50; round++) {
      kills += await killAndResume(`slow-${round}`, moreItineraries[round % 2] ?? [], random);
    }
  });
});

describe('a run folder', { timeout: patience }, () => {
  it('is for one process at a time', async () => {
    const first = startNla(place, ['train', 'nla.config.yaml', '--run-dir', 'locked']);
    const lock = join(place, 'locked', 'run.lock');
    while (text(lock) === '') await wait(1);
    const second = await nla('train', 'nla.config.yaml', '--run-dir', 'locked', '--resume', '--json');
    expect(second.code).toBe(2);
    const { error } = JSON.parse(second.out) as { error: Record<string, string> };
    expect(error).toMatchObject({ code: 'E_RUN_LOCKED', file: lock });
    expect(error['found']).toContain(`process ${first.child.pid}`);
    first.child.kill('SIGKILL');
    await first.ended;
    const third = await nla('data', 'build', 'nla.config.yaml', '--run-dir', 'locked');
    expect(third).toMatchObject({ code: 0, error: expect.stringContaining(`process ${first.child.pid}`) });
  });
});

describe('training', { timeout: patience }, () => {
  const trained = ['reconstructor', 'trajectory', 'resume'];
  const ofWhole = (): Record<string, string> =>
    Object.fromEntries(Object.entries(whole).filter(([path]) => trained.some((folder) => path.startsWith(`${folder}/`))));

  it('that stops at a step and goes on gives the bytes of one that did not stop', async () => {
    const stopped = await nla('train', 'nla.config.yaml', '--run-dir', 'stopped', '--until-step', '3', '--json');
    expect(JSON.parse(stopped.out)).toMatchObject({ role: 'av', step: 3, steps: 5, complete: false });
    // Step 3 is no save: only what is complete is part of the trajectory, and counts itself.
    expect(await expectWholeCheckpoints(join(place, 'stopped'))).toBe(2 * (1 + 2));
    expect(await nla('train', 'nla.config.yaml', '--run-dir', 'stopped', '--resume')).toMatchObject({ code: 0 });
    expect(await hashesOf(join(place, 'stopped'), trained)).toEqual(ofWhole());
  });

  it('does not depend on what is evaluated', async () => {
    const other = config
      .replace(/rows: 2, at: .*/, 'rows: 5, seedName: other } }')
      .replace('evaluators:', `$&\n  - { id: more, use: '@nlakit/evaluator-h5' }`);
    await writeFile(join(place, 'other.yaml'), other);
    expect(await nla('train', 'other.yaml', '--run-dir', 'other')).toMatchObject({ code: 0 });
    const tensors = ([path]: readonly [string, string]): boolean => path.endsWith('.safetensors');
    const found = Object.entries(await hashesOf(join(place, 'other'), trained)).filter(tensors);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(Object.entries(ofWhole()).filter(tensors)));
    const sidecar = async (run: string): Promise<string> =>
      (await readFile(join(place, run, 'trajectory/step_000005/nla_meta.yaml'), 'utf8')).replace(/run_hash: .*/, '');
    expect(await sidecar('other')).toBe(await sidecar('whole'));
  });
});
