import { mkdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { isNlaError, NlaError } from '@nlakit/core';
import { isHeldOut, readWordnet, topics } from '@nlakit/wordnet';
import { median, norm } from '@nlakit/metrics';
import { createGemma4Loader } from '@nlakit/model-gemma4';
import { plainQuantizer } from '@nlakit/ops';
import { createSeedStreams, machineFacts } from '@nlakit/run';
import { atomicWriteFile, openSafetensors } from '@nlakit/safetensors';
import { engineOf, engineOptions } from './engine-option.js';
import { startEngine } from './engine.js';
import { lastTokenVectors } from './last-token-vectors.js';
import { probedLayer } from './model-shape.js';
import { probeBlock, probePenalty } from './probe-block.js';
import { drawProbeRows } from './probe-rows.js';
import { say } from './progress.js';
import { checkpointPrefix } from './replica.js';
import type { StoredTrainingRecord } from './training-record.js';

/** Held-out rows of a topic. */
const heldOutPerTopic = 40;

/** Measures what the bundled model's activations know of a text's topic, and writes `docs/results/tiny-gemma4.json`. */
async function probe(args: readonly string[]): Promise<void> {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('@nlakit/tiny-gemma4/package.json'));
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string', default: join(packageFolder, 'model') },
      out: { type: 'string', default: join(packageFolder, '..', '..', 'docs', 'results', 'tiny-gemma4.json') },
      seed: { type: 'string', default: '17' },
      'rows-per-topic': { type: 'string', default: '1000' },
      ...engineOptions,
    },
  });
  const perTopic = Number(values['rows-per-topic']);
  if (!(Number.isInteger(perTopic) && perTopic > 0)) {
    throw new NlaError('E_ARGUMENT', {
      message: '--rows-per-topic must be a positive whole number.',
      found: values['rows-per-topic'],
      kind: 'input',
    });
  }
  const record = JSON.parse(await readFile(join(values.model, 'training.json'), 'utf8')) as StoredTrainingRecord;
  const engine = await startEngine(engineOf(values));
  const model = await createGemma4Loader({ source: values.model, quantizer: plainQuantizer({ dtype: 'f32' }) }).load();
  const { dModel, layers, parameters } = model.spec;

  const seeds = createSeedStreams(Number(values.seed));
  const { synsets } = await readWordnet({ partsOfSpeech: ['n'] });
  const training = drawProbeRows(
    synsets.filter(({ id }) => !isHeldOut(id)),
    perTopic,
    seeds.stream('probe.training'),
  );
  const heldOut = drawProbeRows(
    synsets.filter(({ id }) => isHeldOut(id)),
    heldOutPerTopic,
    seeds.stream('probe.held-out'),
  );
  say(`probe: ${training.length} training rows, ${heldOut.length} held-out rows of ${topics.length} topics; ${engine}`);
  const of = async (rows: typeof training): Promise<Float32Array[]> =>
    lastTokenVectors(
      model,
      rows.map(({ text }) => text),
    );
  const trainingVectors = await of(training);
  const heldOutVectors = await of(heldOut);
  const embedding = await model.embed(Int32Array.from({ length: model.spec.vocabularySize }, (_, id) => id));
  const embeddingNorms = Array.from({ length: model.spec.vocabularySize }, (_, id) =>
    norm(embedding.subarray(id * dModel, (id + 1) * dModel)),
  );
  model.dispose();

  const blocks = [];
  for (let block = 0; block < layers; block += 1) {
    const figures = probeBlock(
      block,
      dModel,
      { vectors: trainingVectors[block] ?? new Float32Array(), rows: training },
      { vectors: heldOutVectors[block] ?? new Float32Array(), rows: heldOut },
    );
    blocks.push(figures);
    const { accuracy, rho, meanPairCosine, norm: size } = figures;
    say(
      `block ${block}${block === probedLayer ? ' (K)' : '    '}  accuracy ${accuracy.value.toFixed(3)} [${accuracy.low.toFixed(3)}, ${accuracy.high.toFixed(3)}]` +
        `  rho ${rho.toFixed(3)}  pair cosine ${meanPairCosine.toFixed(3)}  norm ${size.median.toFixed(1)}`,
    );
  }

  const results = {
    machine: { ...machineFacts(), engine },
    finished: record.finished,
    step: record.step,
    parameters,
    bytes: (await stat(join(values.model, 'model.safetensors'))).size,
    weights: record.files['model.safetensors']?.sha256,
    lossCurve: 'packages/tiny-gemma4/model/training.json',
    heldOut: {
      unit: 'nats per token, glosses of held-out synsets',
      tokens: record.heldOut.tokens,
      rows: record.heldOut.rows,
      ofRows: record.heldOut.ofRows,
      model: record.heldOut.loss,
      trigram: record.trigrams.map(({ trainedOn, trainingTokens, loss }) => ({ trainedOn, trainingTokens, loss })),
    },
    heldOutExplained: { tokens: record.heldOutExplained.tokens, model: record.heldOutExplained.loss },
    probe: {
      what: 'the last token of an excerpt; L2 multinomial logistic regression on standardised vectors',
      penalty: probePenalty,
      seed: Number(values.seed),
      topics,
      chance: 1 / topics.length,
      trainingRows: training.length,
      trainingSynsets: new Set(training.map(({ synset }) => synset)).size,
      heldOutRows: heldOut.length,
      heldOutSynsets: new Set(heldOut.map(({ synset }) => synset)).size,
      layer: probedLayer,
      blocks,
    },
    layerScalars: await layerScalars(join(values.model, 'model.safetensors'), layers),
    embeddingNorm: { median: median(embeddingNorms), sqrtWidth: Math.sqrt(dModel) },
  };
  await mkdir(dirname(values.out), { recursive: true });
  await atomicWriteFile(values.out, `${JSON.stringify(results, null, 2)}\n`);
  say(values.out);
}

async function layerScalars(path: string, layers: number): Promise<number[]> {
  const file = await openSafetensors(path);
  try {
    const scalars: number[] = [];
    for (let layer = 0; layer < layers; layer += 1) {
      scalars.push((await file.float32(`${checkpointPrefix}layers.${layer}.layer_scalar`))[0] ?? NaN);
    }
    return scalars;
  } finally {
    await file.close();
  }
}

try {
  await probe(process.argv.slice(2));
} catch (error) {
  if (!isNlaError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = error.details.kind === 'input' ? 2 : 1;
}
