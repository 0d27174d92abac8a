import '@tensorflow/tfjs-backend-cpu';
import { constantBaselines } from '@nlakit/metrics';
import { tf } from '@nlakit/ops';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSeedStreams } from '../../run/src/seed-streams.js';
import { fakeModel } from './__fixtures__/fake-model.js';
import { readActivations } from './read-activations.js';
import { sweepLayers, type LayerSweepOptions, type SweepText } from './sweep-layers.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const topics = ['animal', 'food', 'plant', 'time'];
const model = fakeModel();

/** Two texts a document, of one topic. The last token names the topic; the tokens before it do not. */
function textsOf(labelOf: (topic: number, index: number) => string): SweepText[] {
  const random = createSeedStreams(4).stream('texts');
  return Array.from({ length: 64 }, (_, index) => {
    const topic = Math.floor(index / 2) % 4;
    const filler = Array.from({ length: 5 }, () => ['the', 'of', 'a', 'is'][random.integer(4)] ?? '').join(' ');
    return {
      tokens: model.tokenizer.encode(`${filler} ${topics[topic] ?? ''}`, { special: true }),
      documentId: `document ${Math.floor(index / 2)}`,
      label: labelOf(topic, index),
    };
  });
}

const options = (): LayerSweepOptions => ({
  positions: 2,
  bootstrap: 200,
  permutations: 200,
  folds: 4,
  l2: 1e-2,
  minimumPerClass: 5,
  seeds: createSeedStreams(0),
});

describe('sweepLayers', () => {
  it('tells what the last token says from what the rest of a text says', async () => {
    const sweep = await sweepLayers(
      model,
      textsOf((topic) => topics[topic] ?? ''),
      options(),
    );
    expect(sweep).toMatchObject({ layers: 3, texts: 64, documents: 32, classes: topics });
    expect(sweep.places.last.map(({ n }) => n)).toEqual([64, 64, 64]);
    expect(sweep.places.sampled.map(({ n }) => n)).toEqual([128, 128, 128]);
    expect(sweep.aboveChance.last.probe).toEqual([0, 1, 2]);
    expect(sweep.aboveChance.last.labelTop1).toEqual([0, 1, 2]);
    expect(sweep.aboveChance.sampled.probe).toEqual([]);
    for (const { probe } of sweep.places.last) {
      expect(probe?.value).toBeGreaterThan(0.9);
      expect(probe?.chance).toBeCloseTo(0.25, 1);
      expect(probe?.pHolm).toBeCloseTo(3 * (probe?.p ?? NaN), 12);
    }
  });

  it('finds nothing where labels belong to other documents', async () => {
    const { aboveChance } = await sweepLayers(
      model,
      textsOf((_topic, index) => topics[Math.floor(index / 2 / 4) % 4] ?? ''),
      options(),
    );
    expect(aboveChance.last.probe).toEqual([]);
    expect(aboveChance.sampled.probe).toEqual([]);
  });

  it('gives the geometry of the vectors, which are those of single passes', async () => {
    const texts = textsOf((topic) => topics[topic] ?? '');
    const { places } = await sweepLayers(model, texts, options());
    const last: Float32Array[] = [];
    const asked = texts.map(({ tokens }) => ({ tokens, positions: [tokens.length - 1] }));
    for await (const batch of readActivations(model, asked, { layers: [1] })) {
      for (const { index, vectors } of batch) last[index] = vectors.get(1) ?? new Float32Array();
    }
    const { rho } = constantBaselines(last);
    expect(places.last[1]?.rho).toBeCloseTo(rho, 12);
    expect(places.last[1]?.rawvar).toBeCloseTo(1 - rho ** 2, 12);
    const norms = last.map((vector) => Math.hypot(...vector)).sort((a, b) => a - b);
    expect(places.last[1]?.norm.median).toBeCloseTo(((norms[31] ?? 0) + (norms[32] ?? 0)) / 2, 5);
  });

  it('leaves out what the texts do not have', async () => {
    const single = textsOf(() => 'one').map(({ tokens }, index) => ({ tokens, documentId: String(index) }));
    const { places, aboveChance } = await sweepLayers(model, single, { ...options(), positions: 0 });
    expect(places.sampled).toEqual([]);
    expect(places.last[0]).toMatchObject({ documentTop1: null, labelTop1: null, probe: null });
    expect(aboveChance.last).toEqual({});
    await expect(sweepLayers(model, single.slice(0, 9), options())).rejects.toMatchObject({ code: 'E_SWEEP_TEXTS' });
  });
});
