import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { isHeldOut, readWordnet } from '@nlakit/wordnet';
import { gemma4Inventory, parseGemma4Config } from '@nlakit/model-gemma4';
import { openSafetensors } from '@nlakit/safetensors';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '@nlakit/core';
import { glossDocuments } from '../recipe/corpora.js';
import { initialLayerScalars, modelConfig } from '../recipe/model-shape.js';
import { checkpointPrefix } from '../recipe/replica.js';
import type { StoredTrainingRecord } from '../recipe/training-record.js';
import { largestFolder } from '../recipe/write-model-folder.js';
import { modelFolder } from '../src/index.js';

it('names the folder beside the code', () => {
  expect(isAbsolute(modelFolder)).toBe(true);
  expect(basename(modelFolder)).toBe('model');
});

describe.skipIf(!existsSync(join(modelFolder, 'config.json')))('the bundled model', () => {
  let record: StoredTrainingRecord;
  const read = async (name: string): Promise<string> => readFile(join(modelFolder, name), 'utf8');
  beforeAll(async () => {
    record = JSON.parse(await read('training.json')) as StoredTrainingRecord;
  });

  it('is small enough to be committed, and every file is the one recorded', async () => {
    let sum = 0;
    for (const name of await readdir(modelFolder)) sum += (await stat(join(modelFolder, name))).size;
    expect(sum).toBeLessThanOrEqual(largestFolder);
    for (const [name, { bytes, sha256 }] of Object.entries(record.files)) {
      const data = await readFile(join(modelFolder, name));
      expect([name, data.length, createHash('sha256').update(data).digest('hex')]).toEqual([name, bytes, sha256]);
    }
  });

  it('has the shape of the recipe, and every tensor of it, in bfloat16', async () => {
    const config = JSON.parse(await read('config.json')) as Record<string, JsonValue>;
    expect(config).toEqual(modelConfig());
    const inventory = gemma4Inventory(parseGemma4Config(config));
    const file = await openSafetensors(join(modelFolder, 'model.safetensors'));
    try {
      expect([...file.names()].sort()).toEqual([...inventory.keys()].map((name) => checkpointPrefix + name).sort());
      let parameters = 0;
      for (const [name, { shape }] of inventory) {
        expect(file.tensors.get(checkpointPrefix + name)).toMatchObject({ dtype: 'BF16', shape });
        const values = await file.float32(checkpointPrefix + name);
        parameters += values.length;
        expect(values.every(Number.isFinite), name).toBe(true);
      }
      expect(parameters).toBe(record.parameters);
    } finally {
      await file.close();
    }
  });

  it('has layer scalars that were trained, away from 1', async () => {
    const file = await openSafetensors(join(modelFolder, 'model.safetensors'));
    try {
      let distance = 0;
      for (const [layer, initial] of initialLayerScalars.entries()) {
        const value = (await file.float32(`${checkpointPrefix}layers.${layer}.layer_scalar`))[0] ?? NaN;
        expect(value, `layer ${layer}`).not.toBeCloseTo(initial, 4);
        distance += Math.abs(value - 1) / initialLayerScalars.length;
      }
      expect(distance).toBeGreaterThan(0.05);
    } finally {
      await file.close();
    }
  });

  it('reads glosses it has never seen and gives them back', async () => {
    const tokenizer = new Tokenizer(
      JSON.parse(await read('tokenizer.json')) as object,
      JSON.parse(await read('tokenizer_config.json')) as object,
    );
    const { synsets } = await readWordnet();
    const glosses = glossDocuments(synsets.filter(({ id }) => isHeldOut(id)).filter((_, index) => index % 25 === 0));
    let characters = 0;
    let tokens = 0;
    for (const text of glosses) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      expect(tokenizer.decode([...ids], { skip_special_tokens: true })).toBe(text);
      characters += text.length;
      tokens += ids.length;
    }
    expect(characters / tokens).toBeGreaterThan(3);
    expect([...tokenizer.encode('<concept>㊗</concept>').ids]).toEqual([2, 4091, 4095, 4092]);
  });

  it('carries the licences of text and weights', async () => {
    expect(await read('LICENSE')).toContain('Apache License');
    expect(await read('LICENSE-WORDNET')).toContain('WordNet 3.1 Copyright 2011 by Princeton University');
    expect(await read('NOTICE')).toContain('Apache License, Version 2.0');
  });

  it('says in its card what its record says', async () => {
    const card = await read('README.md');
    expect(card).toContain(`**${record.heldOut.loss.toFixed(3)}**`);
    for (const { loss } of record.trigrams) expect(card).toContain(loss.toFixed(3));
    if (!record.finished) expect(card).toContain('middle of a training run');
  });

  it('once trained, beats the trigram model of the same glosses on the same tokens', ({ skip }) => {
    if (!record.finished) skip('weights from the middle of a training run');
    expect(record.heldOut.rows).toBe(record.heldOut.ofRows);
    for (const { tokens, loss } of record.trigrams) {
      expect(tokens).toBe(record.heldOut.tokens);
      expect(record.heldOut.loss).toBeLessThan(loss);
    }
  });
});
