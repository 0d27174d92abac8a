import { blockOutput } from '@nlakit/core';
import { excerptsOf, topicOf, topics, type Synset } from '@nlakit/wordnet';
import { createGemma4 } from '@nlakit/model-gemma4';
import { plainQuantizer, tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { lastTokenVectors } from '../recipe/last-token-vectors.js';
import { probeBlock } from '../recipe/probe-block.js';
import { drawProbeRows, type ProbeRow } from '../recipe/probe-rows.js';
import { parameterShapes } from '../recipe/replica.js';
import { randomWeights, smallConfig, smallTokenizer } from './small-model.js';

const random = createSeedStreams(2).stream('probe');

describe('drawProbeRows', () => {
  const synsets = topics.flatMap((topic, index) =>
    Array.from({ length: topic === 'time' ? 3 : 30 }, (_, at): Synset => {
      const definition = Array.from({ length: 8 }, (_, word) => `${'abcdefgh'.slice(0, word + 1)}${topic}`).join(' ');
      return {
        id: `${index}-${at}`,
        partOfSpeech: 'n',
        lexicographerFile: `noun.${topic}`,
        lemmas: [`word ${at}`],
        gloss: definition,
        definition,
        examples: [],
        hypernyms: [],
        usages: [],
      };
    }),
  );
  const byId = new Map(synsets.map((synset) => [synset.id, synset]));

  it('draws the same number of every topic, another synset each time while there are any', () => {
    const rows = drawProbeRows(synsets, 10, createSeedStreams(1).stream('rows'));
    for (const [label, topic] of topics.entries()) {
      const own = rows.filter((row) => row.label === label);
      expect(own).toHaveLength(10);
      expect(new Set(own.map(({ synset }) => synset)).size).toBe(topic === 'time' ? 3 : 10);
    }
    expect(new Set(rows.map(({ synset, text }) => `${synset}|${text}`)).size).toBe(rows.length);
    for (const row of rows) {
      const synset = byId.get(row.synset) as Synset;
      expect(topicOf(synset.lexicographerFile)).toBe(topics[row.label]);
      expect(excerptsOf(synset).map(({ text }) => text)).toContain(row.text);
    }
    expect(drawProbeRows(synsets, 10, createSeedStreams(1).stream('rows'))).toEqual(rows);
  });

  it('gives fewer rows of a topic that has no more', () => {
    const rows = drawProbeRows(synsets, 25, createSeedStreams(1).stream('rows'));
    // Eight words: excerpts end after the fourth to the seventh.
    expect(rows.filter(({ label }) => topics[label] === 'time')).toHaveLength(3 * 4);
    expect(rows).toHaveLength(11 * 25 + 12);
  });
});

describe('probeBlock', () => {
  const width = 4;
  const rowsOf = (count: number): ProbeRow[] =>
    Array.from({ length: count }, (_, row) => ({
      text: '',
      label: row % topics.length,
      wordsRead: 4 + (row % 9),
      synset: String(row),
    }));
  /** The topic as an angle in the first two components, a common offset in the third, noise in all. */
  const vectorsOf = (rows: readonly ProbeRow[]): Float32Array =>
    Float32Array.from(
      rows.flatMap(({ label }) => {
        const angle = (2 * Math.PI * label) / topics.length;
        return [10 * Math.cos(angle), 10 * Math.sin(angle), 20, 0].map((value) => value + random.normal());
      }),
    );

  it('names topics that the vectors hold, and describes the vectors as a count over all pairs does', () => {
    const [training, heldOut] = [rowsOf(600), rowsOf(120)];
    const vectors = vectorsOf(heldOut);
    const figures = probeBlock(3, width, { vectors: vectorsOf(training), rows: training }, { vectors, rows: heldOut });
    expect(figures.block).toBe(3);
    expect(figures.accuracy.value).toBeGreaterThan(0.85);
    expect(figures.accuracy.low).toBeLessThan(figures.accuracy.value);
    expect(figures.accuracy.high).toBeGreaterThan(figures.accuracy.value);
    const groups = Object.values(figures.accuracyByWordsRead);
    expect(groups.map(({ rows }) => rows).reduce((sum, rows) => sum + rows)).toBe(120);
    const weighted = groups.reduce((sum, { accuracy, rows }) => sum + accuracy * rows, 0) / 120;
    expect(weighted).toBeCloseTo(figures.accuracy.value, 4);

    const list = heldOut.map((_, row) => [...vectors.subarray(row * width, (row + 1) * width)]);
    const product = (one: number[], other: number[]): number => one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
    let cosines = 0;
    for (const [row, one] of list.entries()) {
      for (const [column, other] of list.entries()) {
        if (row !== column) cosines += product(one, other) / Math.sqrt(product(one, one) * product(other, other));
      }
    }
    expect(figures.meanPairCosine).toBeCloseTo(cosines / (120 * 119), 4);
    expect(figures.norm.q05).toBeLessThan(figures.norm.median);
    expect(figures.norm.q95).toBeGreaterThan(figures.norm.median);
  });

  it('stays near chance for vectors that hold nothing', () => {
    const [training, heldOut] = [rowsOf(600), rowsOf(600)];
    const noise = (): Float32Array => Float32Array.from({ length: 600 * width }, () => random.normal());
    const figures = probeBlock(0, width, { vectors: noise(), rows: training }, { vectors: noise(), rows: heldOut });
    expect(figures.accuracy.low).toBeLessThan(1 / topics.length);
    expect(figures.accuracy.value).toBeLessThan(0.15);
  });
});

describe('lastTokenVectors', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));

  it('gives every block at the last token, whatever else is in the batch', async () => {
    const config = smallConfig(4096);
    const weights = randomWeights(config);
    const model = await createGemma4({
      config,
      tensors: new Map(
        [...parameterShapes(config)].map(([name, shape]) => [name, { shape, data: weights.get(name) ?? new Float32Array() }]),
      ),
      tokenizer: smallTokenizer(),
      quantizer: plainQuantizer({ dtype: 'f32' }),
    });
    const texts = ['a cat', 'that is a long text with many tokens', 'ab', 'the end'];
    const before = tf.memory().numTensors;
    const vectors = await lastTokenVectors(model, texts, 3);
    expect(tf.memory().numTensors).toBe(before);
    expect(vectors.map((block) => block.length)).toEqual([64, 64, 64, 64]);
    for (const [index, text] of texts.entries()) {
      const tokens = model.tokenizer.encode(text, { special: true });
      for (const [block, found] of vectors.entries()) {
        const name = blockOutput(block);
        const { hidden } = model.forward({ tokens, batch: 1, length: tokens.length, capture: [name], final: false });
        const expected = (hidden[name] as Tensor).dataSync().slice(-16);
        found.subarray(index * 16, (index + 1) * 16).forEach((value, at) => expect(value).toBeCloseTo(expected[at] ?? NaN, 4));
      }
    }
    model.dispose();
  });
});
