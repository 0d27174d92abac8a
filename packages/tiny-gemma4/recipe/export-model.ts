import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { isNlaError, NlaError } from '@nlakit/core';
import { wordnetFolder } from '@nlakit/wordnet';
import { roundToBf16 } from '@nlakit/safetensors';
import { engineOf, engineOptions } from './engine-option.js';
import { modelLoss, trigramLoss } from './held-out-loss.js';
import { readCurve, thinCurve } from './loss-curve.js';
import { machineFacts } from '@nlakit/run';
import { modelConfig } from './model-shape.js';
import { wordnetLicence } from './notices.js';
import { defaultFolder, learningRateOptions, optimiser } from './options.js';
import type { EvaluationRows } from './pack.js';
import { parameterLayout } from './parameter-layout.js';
import { prepareCorpus, type Corpus } from './prepare-corpus.js';
import { say } from './progress.js';
import { createReplicaPool } from './replica-pool.js';
import { parameterShapes } from './replica.js';
import { checkpointFile, readAnyCheckpoint } from './training-checkpoint.js';
import { tokensSeen, type StreamName, type TrainingSettings } from './training-plan.js';
import type { HeldOutLoss, TrigramBaseline } from './training-record.js';
import { readSessions } from './training-sessions.js';
import { trainTrigram } from './trigram.js';
import { vocabularySize } from './vocabulary.js';
import { writeModelFolder } from './write-model-folder.js';

/** Points of the published loss curve, and how many losses from its beginning are kept one by one. */
const curvePoints = 400;
const firstSteps = 8;

/** Makes `model/` from the checkpoint of a training folder, and measures what it reaches. */
async function exportModel(args: readonly string[]): Promise<void> {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('@nlakit/tiny-gemma4/package.json'));
  const { values } = parseArgs({
    args: [...args],
    options: {
      folder: { type: 'string', default: defaultFolder },
      out: { type: 'string', default: join(packageFolder, 'model') },
      /** Held-out rows to measure on; all when absent. */
      rows: { type: 'string' },
      ...engineOptions,
    },
  });
  const checkpoint = await readAnyCheckpoint(values.folder);
  if (checkpoint === undefined) {
    throw new NlaError('E_EXPORT_CHECKPOINT', {
      message: 'There is no checkpoint to export.',
      file: checkpointFile(values.folder),
      fix: 'Name the folder that `pretrain` was given with --folder.',
      kind: 'input',
    });
  }
  const licence = wordnetLicence(await readFile(join(wordnetFolder(), 'data.noun'), 'utf8'));
  if (licence === undefined) {
    throw new NlaError('E_EXPORT_LICENCE', { message: "WordNet's data file carries no licence at its head.", file: 'data.noun' });
  }
  const settings = checkpoint.settings as unknown as TrainingSettings;
  const { step } = checkpoint.optimizer;
  const corpus = await prepareCorpus(values.folder, settings.seed, say);
  const shapes = parameterShapes(modelConfig());
  const layout = parameterLayout(shapes);
  const flat = new Float32Array(layout.length);
  for (const [name, view] of layout.views(flat)) view.set(checkpoint.parameters.get(name) ?? []);
  roundToBf16(flat);

  say(`step ${step}/${settings.steps}; measuring on held-out rows`);
  const pool = await createReplicaPool({
    config: modelConfig(),
    tokenizer: corpus.tokenizer,
    engine: engineOf(values),
    length: layout.length,
    workers: 1,
  });
  const measure = async (rows: EvaluationRows): Promise<HeldOutLoss> => {
    const count = Math.min(rows.rows, values.rows === undefined ? rows.rows : Number(values.rows));
    return { ...(await modelLoss(async (piece) => pool.losses(flat, piece), rows, count)), rows: count, ofRows: rows.rows };
  };
  const heldOut = await measure(corpus.heldOut);
  say(`held out: glosses ${heldOut.loss.toFixed(4)} nats/token on ${heldOut.tokens} tokens`);
  const heldOutExplained = await measure(corpus.heldOutExplained);
  say(`held out: with explanation ${heldOutExplained.loss.toFixed(4)} nats/token on ${heldOutExplained.tokens} tokens`);
  await pool.close();

  const counted = firstRows(corpus.heldOut, heldOut.rows);
  const trigrams = [['glosses'] as const, ['glosses', 'hypernyms', 'explained'] as const].map((names) => trigram(corpus, names, counted));
  for (const { trainedOn, loss } of trigrams) say(`trigram of ${trainedOn.join(' + ')}: ${loss.toFixed(4)} nats/token`);

  const sessions = await readSessions(values.folder);
  const curve = (await readCurve(values.folder)).filter((point) => point.step <= step);
  const bytes = await writeModelFolder(values.out, {
    config: modelConfig(),
    shapes,
    parameters: checkpoint.parameters,
    tokenizer: corpus.tokenizer,
    licence: await readFile(join(packageFolder, '..', '..', 'LICENSE'), 'utf8'),
    wordnetLicence: licence,
    record: {
      schema: 1,
      finished: step >= settings.steps,
      step,
      settings,
      optimiser: { name: 'AdamW', ...optimiser, learningRate: learningRateOptions(settings.steps) },
      parameters: layout.length,
      streamTokens: {
        glosses: corpus.streams.glosses.length,
        hypernyms: corpus.streams.hypernyms.length,
        explained: corpus.streams.explained.length,
      },
      tokensSeen: tokensSeen(settings, corpus, sessions, step),
      seconds: Math.round(checkpoint.seconds),
      sessions,
      heldOut,
      heldOutExplained,
      trigrams,
      measuredWith: { engine: pool.description, machine: machineFacts() },
      firstLosses: curve.flatMap(({ loss }) => (loss === undefined ? [] : [loss])).slice(0, firstSteps),
      lossCurve: thinCurve(curve, curvePoints),
      heldOutCurve: curve.filter((point) => point.heldOut !== undefined),
    },
  });
  say(`${values.out}: ${bytes} bytes`);
}

function trigram(corpus: Corpus, trainedOn: readonly StreamName[], rows: EvaluationRows): TrigramBaseline {
  const streams = trainedOn.map((name) => corpus.streams[name]);
  const all = new Uint16Array(streams.reduce((sum, stream) => sum + stream.length, 0));
  let at = 0;
  for (const stream of streams) {
    all.set(stream, at);
    at += stream.length;
  }
  return { trainedOn, trainingTokens: all.length, ...trigramLoss(trainTrigram(all, vocabularySize), rows) };
}

function firstRows(rows: EvaluationRows, count: number): EvaluationRows {
  return { tokens: rows.tokens.subarray(0, count * rows.rowLength), rows: count, rowLength: rows.rowLength };
}

try {
  await exportModel(process.argv.slice(2));
} catch (error) {
  if (!isNlaError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = error.details.kind === 'input' ? 2 : 1;
}
