import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelConfig } from '../recipe/model-shape.js';
import { parameterLayout } from '../recipe/parameter-layout.js';
import { prepareCorpus } from '../recipe/prepare-corpus.js';
import { createReplicaPool } from '../recipe/replica-pool.js';
import { parameterShapes } from '../recipe/replica.js';
import { createTrainer } from '../recipe/trainer.js';
import type { StoredTrainingRecord } from '../recipe/training-record.js';
import { modelFolder } from '../src/index.js';

const recordFile = join(modelFolder, 'training.json');

describe.skipIf(!existsSync(recordFile))('training anew', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'tiny-gemma4-'))));
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('makes the bundled tokenizer and the losses of the first steps again, from the seed alone', { tags: ['slow'] }, async () => {
    const { settings, sessions, firstLosses, streamTokens } = JSON.parse(await readFile(recordFile, 'utf8')) as StoredTrainingRecord;
    const corpus = await prepareCorpus(folder, settings.seed, () => undefined);
    expect(corpus.tokenizer).toBe(await readFile(join(modelFolder, 'tokenizer.json'), 'utf8'));
    const { glosses, hypernyms, explained } = corpus.streams;
    expect({ glosses: glosses.length, hypernyms: hypernyms.length, explained: explained.length }).toEqual(streamTokens);

    const config = modelConfig();
    const { length } = parameterLayout(parameterShapes(config));
    const pool = await createReplicaPool({ config, tokenizer: corpus.tokenizer, engine: { kind: 'wasm' }, length, workers: 1 });
    const steps = sessions[0]?.steps ?? settings.steps;
    const trainer = createTrainer({ config, corpus, settings: { ...settings, steps }, replica: pool });
    for (const expected of firstLosses.slice(0, 3)) {
      const { loss } = await trainer.step();
      // The bundled weights may come from another engine, which adds in another order.
      expect(Math.abs(loss - expected), `step ${trainer.done}`).toBeLessThan(2e-3);
    }
    await pool.close();
  });
});
