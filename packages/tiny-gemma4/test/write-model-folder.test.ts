import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { createGemma4, createGemma4Loader } from '@nlakit/model-gemma4';
import { plainQuantizer, tf } from '@nlakit/ops';
import { openSafetensors } from '@nlakit/safetensors';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wordnetLicence } from '../recipe/notices.js';
import { parameterShapes } from '../recipe/replica.js';
import type { StoredTrainingRecord, TrainingRecord } from '../recipe/training-record.js';
import { largestFolder, writeModelFolder, type ModelFolderContent } from '../recipe/write-model-folder.js';
import { randomWeights, smallConfig, smallTokenizer, smallTokenizerJson } from './small-model.js';

const machine = { node: 'v20.19.0', platform: 'linux x64', cpu: 'abacus', cores: 2, memoryBytes: 1 };
const record: TrainingRecord = {
  schema: 1,
  finished: false,
  step: 7,
  settings: { seed: 1, batch: 2, steps: 10, mixture: { glosses: 0.5, hypernyms: 0.2, explained: 0.3 }, rowLength: 8 },
  optimiser: { name: 'AdamW' },
  parameters: 1234,
  streamTokens: { glosses: 100, hypernyms: 100, explained: 100 },
  tokensSeen: { glosses: 50, hypernyms: 20, explained: 30 },
  seconds: 61,
  sessions: [
    { fromStep: 0, steps: 20, engine: 'beads', workers: 1, machine },
    { fromStep: 4, steps: 10, engine: 'beads', workers: 1, machine },
  ],
  heldOut: { loss: 4.25, tokens: 99, rows: 2, ofRows: 3 },
  heldOutExplained: { loss: 2.5, tokens: 98, rows: 3, ofRows: 3 },
  trigrams: [{ trainedOn: ['glosses'], trainingTokens: 100, loss: 4.5, tokens: 99 }],
  measuredWith: { engine: 'beads', machine },
  firstLosses: [8, 7],
  lossCurve: [{ step: 7, loss: 5, seconds: 61 }],
  heldOutCurve: [],
};

/** Values that lie between two bfloat16 numbers, and what rounding to nearest, ties to even, makes of them. */
const rounding = [
  [1, 1],
  [1 + 2 ** -8, 1],
  [1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
  [1 + 3 * 2 ** -8, 1 + 2 ** -6],
  [-1 - 2 ** -8, -1],
  [-1 - 3 * 2 ** -8, -1 - 2 ** -6],
  [2 - 2 ** -9, 2],
  [1e-3, 0.00099945068359375],
] as const;

let parent: string;
let folder: string;
let content: ModelFolderContent;

beforeEach(async () => {
  await tf.setBackend('cpu');
  parent = await mkdtemp(join(tmpdir(), 'tiny-gemma4-'));
  folder = join(parent, 'model');
  const config = smallConfig();
  const parameters = randomWeights(config);
  parameters.get('model.language_model.norm.weight')?.set(rounding.map(([value]) => value));
  content = {
    config,
    shapes: parameterShapes(config),
    parameters,
    tokenizer: smallTokenizerJson,
    record,
    licence: 'licence',
    wordnetLicence: 'WordNet licence',
  };
});

afterEach(async () => rm(parent, { recursive: true, force: true }));

const read = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('writeModelFolder', () => {
  it('rounds weights to the nearest bfloat16, ties to even', async () => {
    await writeModelFolder(folder, content);
    const file = await openSafetensors(join(folder, 'model.safetensors'));
    try {
      expect([...file.names()].sort()).toEqual([...content.shapes.keys()].sort());
      expect(file.metadata).toEqual({ format: 'pt' });
      for (const [name, shape] of content.shapes) expect(file.tensors.get(name)).toMatchObject({ dtype: 'BF16', shape });
      const norm = await file.float32('model.language_model.norm.weight');
      expect([...norm.subarray(0, rounding.length)]).toEqual(rounding.map(([, rounded]) => rounded));
    } finally {
      await file.close();
    }
  });

  it('makes a folder that the model package loads and that computes as the rounded weights do', async () => {
    await writeModelFolder(folder, content);
    const loaded = await createGemma4Loader({ source: folder, quantizer: plainQuantizer({ dtype: 'f32' }) }).load();
    const shapes = content.shapes;
    const kept = await createGemma4({
      config: content.config,
      tensors: new Map([...shapes].map(([name, shape]) => [name, { shape, data: rounded(content.parameters.get(name)) }])),
      tokenizer: smallTokenizer(),
      quantizer: plainQuantizer({ dtype: 'f32' }),
    });
    const pass = { tokens: Int32Array.of(2, 5, 17, 40, 9, 33), batch: 1, length: 6 };
    const [one, other] = [loaded, kept].map((model) => (model.forward(pass).final as Tensor).dataSync());
    expect(one).toEqual(other);
    expect(one?.every(Number.isFinite)).toBe(true);
    expect(loaded.spec.parameters).toBe([...content.parameters.values()].reduce((sum, values) => sum + values.length, 0));
    loaded.dispose();
    kept.dispose();
  });

  it('writes a tokenizer that @huggingface/tokenizers reads', async () => {
    await writeModelFolder(folder, content);
    const tokenizer = new Tokenizer(
      JSON.parse(await read('tokenizer.json')) as object,
      JSON.parse(await read('tokenizer_config.json')) as object,
    );
    const { ids } = tokenizer.encode('a that <explanation>');
    expect([ids[0], ids.at(-1)]).toEqual([2, 4093]);
    expect(tokenizer.decode([...ids], { skip_special_tokens: true })).toBe('a that <explanation>');
  });

  it('records the training and what every file must be', async () => {
    const bytes = await writeModelFolder(folder, content);
    const names = (await readdir(folder)).sort();
    const { files, ...rest } = JSON.parse(await read('training.json')) as StoredTrainingRecord;
    expect(rest).toEqual(record);
    expect(names).toEqual([...Object.keys(files), 'README.md', 'training.json'].sort());
    let sum = 0;
    for (const name of names) {
      const data = await readFile(join(folder, name));
      sum += data.length;
      if (files[name] !== undefined) {
        expect(files[name], name).toEqual({ bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') });
      }
    }
    expect(sum).toBe(bytes);
  });

  it('says in the card what the model reaches, and that its training is not over', async () => {
    await writeModelFolder(folder, content);
    const card = await read('README.md');
    expect(card).toContain('after 7 of 10 steps');
    expect(card).toContain('From step 4 on the plan was one of 10 steps, before it one of 20.');
    expect(card.match(/Trained with beads/g)).toHaveLength(1);
    expect(card).toContain('| **this model**, glosses | **4.250** | 99 |');
    expect(card).toContain('of glosses | 4.500 | 99 |');
    expect(card).toContain('of the first 2 of 3 rows');
    expect(card).toContain('100 tokens were read in rows of 8, 2 rows a step, with AdamW in 1 min 01 s');
    await writeModelFolder(folder, { ...content, record: { ...record, finished: true, step: 10 } });
    expect(await read('README.md')).toContain('Training is complete: 10 steps');
  });

  it('replaces a former folder whole, and keeps it if it cannot write', async () => {
    await writeModelFolder(folder, content);
    await writeModelFolder(folder, { ...content, licence: 'other' });
    expect(await readdir(parent)).toEqual(['model']);
    expect(await read('LICENSE')).toBe('other');

    const lacking = new Map(content.parameters);
    lacking.delete('model.language_model.layers.3.layer_scalar');
    await expect(writeModelFolder(folder, { ...content, parameters: lacking })).rejects.toMatchObject({ code: 'E_EXPORT_TENSOR' });
    await expect(writeModelFolder(folder, { ...content, licence: 'x'.repeat(largestFolder) })).rejects.toMatchObject({
      code: 'E_EXPORT_SIZE',
    });
    expect(await readdir(parent)).toEqual(['model']);
    expect(await read('LICENSE')).toBe('other');
  });
});

describe('wordnetLicence', () => {
  it('takes the numbered head and nothing else', () => {
    const head = ['  1 This software  ', '  2   ', '  3 WordNet 3.1 Copyright 2011  '];
    expect(wordnetLicence([...head, '00001740 03 n 01 entity 0 000 | x'].join('\n'))).toBe('This software\n\nWordNet 3.1 Copyright 2011\n');
    expect(wordnetLicence('00001740 03 n 01 entity 0 000 | WordNet 3.1 Copyright')).toBeUndefined();
  });
});

/** Rounding by arithmetic instead of bits: to a multiple of the distance between neighbouring bfloat16 numbers. */
function rounded(values: Float32Array = new Float32Array()): Float32Array {
  return values.map((value) => {
    if (value === 0) return value;
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 7);
    const below = Math.floor(value / unit);
    const rest = value / unit - below;
    const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
    return (below + (up ? 1 : 0)) * unit;
  });
}
