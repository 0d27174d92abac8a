import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReplica, type Replica } from '../recipe/replica.js';
import { createTrainer, type StepFigures, type Trainer } from '../recipe/trainer.js';
import { readAnyCheckpoint, readCheckpoint, writeCheckpoint } from '../recipe/training-checkpoint.js';
import { planTraining, tokensSeen, type TrainingSettings } from '../recipe/training-plan.js';
import { smallConfig, smallTokenizer } from './small-model.js';

const config = smallConfig();
const settings: TrainingSettings = {
  seed: 3,
  batch: 2,
  steps: 200,
  mixture: { glosses: 0.7, hypernyms: 0.1, explained: 0.2 },
  rowLength: 12,
};
const random = createSeedStreams(1).stream('corpus');
const stream = (length: number): Uint16Array => Uint16Array.from({ length }, () => 4 + random.integer(60));
const corpus = { streams: { glosses: stream(400), hypernyms: stream(100), explained: stream(200) } };

let folder: string;
let replica: Replica;

beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'tiny-gemma4-'));
  replica = await createReplica(config, smallTokenizer());
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

const start = (changes: Partial<TrainingSettings> = {}): Trainer =>
  createTrainer({ config, corpus, settings: { ...settings, ...changes }, replica });

async function run(trainer: Trainer, steps: number): Promise<StepFigures[]> {
  const figures: StepFigures[] = [];
  for (let step = 0; step < steps; step += 1) figures.push(await trainer.step());
  return figures;
}

it('gives the same run for the same seed, bit for bit, and another for another', async () => {
  const one = start();
  const other = start();
  expect(await run(one, 3)).toEqual(await run(other, 3));
  expect(one.parameters).toEqual(other.parameters);
  expect((await run(start({ seed: 4 }), 1))[0]?.loss).not.toBe((await run(start(), 1))[0]?.loss);
});

it('goes on from a checkpoint as if it had never stopped', async () => {
  const whole = start();
  const figures = await run(whole, 5);

  const first = start();
  await run(first, 2);
  const kept = { ...settings };
  await writeCheckpoint(folder, first.checkpoint(12.5));
  const checkpoint = await readCheckpoint(folder, kept);
  expect(checkpoint?.seconds).toBe(12.5);
  const second = createTrainer({ config, corpus, settings, checkpoint, replica });
  expect(second.done).toBe(2);
  expect(await run(second, 3)).toEqual(figures.slice(2));
  expect(second.parameters).toEqual(whole.parameters);

  await expect(readCheckpoint(folder, { ...kept, steps: 300 })).rejects.toMatchObject({ code: 'E_CHECKPOINT_SETTINGS' });
  expect((await readCheckpoint(folder, { ...kept, steps: 300 }, ['steps']))?.optimizer.step).toBe(2);
  await expect(readCheckpoint(folder, { ...kept, steps: 300, seed: 99 }, ['steps'])).rejects.toMatchObject({
    code: 'E_CHECKPOINT_SETTINGS',
  });
  expect((await readAnyCheckpoint(folder))?.settings).toEqual(settings);
});

it('learns what comes again and again', async () => {
  const pattern = Uint16Array.from({ length: 400 }, (_, at) => 4 + (at % 5));
  const trainer = createTrainer({
    config,
    corpus: { streams: { glosses: pattern, hypernyms: pattern, explained: pattern } },
    settings: { ...settings, steps: 400 },
    replica,
  });
  const figures = await run(trainer, 40);
  expect(figures[0]?.loss).toBeGreaterThan(3);
  expect(figures.at(-1)?.loss).toBeLessThan(1.5);
});

it('counts the tokens that the steps so far have read', () => {
  expect(planTraining(settings, corpus).names).toEqual(['glosses', 'hypernyms', 'explained']);
  const all = tokensSeen(settings, corpus, [], settings.steps);
  expect(all).toEqual({ glosses: 0.7 * 400 * 12, hypernyms: 0.1 * 400 * 12, explained: 0.2 * 400 * 12 });
  const half = tokensSeen(settings, corpus, [], 100);
  expect(half.glosses + half.hypernyms + half.explained).toBe(100 * 2 * 12);

  // A run that was planned for 200 steps and after 100 of them went on with a plan of 150.
  const sessions = [
    { fromStep: 0, steps: 200 },
    { fromStep: 60, steps: 200 },
    { fromStep: 100, steps: 150 },
  ];
  const shorter = { ...settings, steps: 150 };
  const [whole, begun] = [150, 100].map((step) => tokensSeen(shorter, corpus, [], step));
  const found = tokensSeen(shorter, corpus, sessions, 150);
  expect(found.glosses).toBe(half.glosses + (whole?.glosses ?? 0) - (begun?.glosses ?? 0));
  expect(tokensSeen(shorter, corpus, sessions, 100)).toEqual(half);
});
