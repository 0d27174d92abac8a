import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import {
  isNlaError,
  NlaError,
  type DatasetContext,
  type DatasetEvent,
  type JsonValue,
  type Label,
  type Labeler,
  type NlaContract,
  type NlaRow,
  type SeedStreams,
  type SplitName,
} from '@nlakit/core';
import { openSplit, orderRows, splitFile, writeSplit, type RowOrder, type SplitSidecar } from '@nlakit/dataset';
import { arPromptIds, contractFields, datasetSidecarPath } from '@nlakit/sidecar';
import { createChunkReader, type ChunkReader } from '../extract/chunk-reader.js';
import { itemOfRow, type RowPlace } from '../extract/corpus-row.js';
import type { Extraction } from '../extract/extraction.js';
import type { CorpusLabels } from '../label/label-stage.js';
import type { CorpusDatasetOptions } from '../options.js';
import { checkDisjoint, countFamilies, type CorpusSplit } from '../split/index.js';
import { stageFolder } from '../stage-folder.js';
import { countLabels } from './count-labels.js';
import { baseId, splitIds } from './dataset-ids.js';

/** Key of our block in the sidecars. */
export const corpusKey = 'x_corpus';

/** Changes when the same rows are to be written differently. */
const procedure = 1;

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/** What building works with. */
export interface BuildSetup {
  readonly contract: NlaContract;
  readonly corpusNames: readonly string[];
  readonly extraction: Extraction;
  readonly split: CorpusSplit;
  readonly labels: CorpusLabels;
  readonly labeler: Labeler;
  readonly options: CorpusDatasetOptions;
  readonly seeds: SeedStreams;
  readonly context: Pick<DatasetContext, 'model' | 'folder' | 'signal'>;
}

/** A row that goes into a file. */
interface ReadyRow {
  readonly place: RowPlace;
  readonly family: string;
  readonly label?: Extract<Label, { labeler: string }>;
}

/** The rows of a split in corpus order, and what became of those that were labelled. */
interface SplitRows {
  readonly rows: ReadyRow[];
  readonly labels: Label[];
  readonly labelled: boolean;
}

/**
 * Writes the three files with their sidecars, and verifies from what was written that they share no document. Does nothing where the files
 * of the same origin are there. Throws `E_AR_SUFFIX`, `E_DATASET_LEAK`, `E_CORPUS_UNLABELLED`, and the errors of writing.
 */
export async function* buildStage(setup: BuildSetup): AsyncGenerator<DatasetEvent, Readonly<Record<SplitName, number>>> {
  const { context, extraction } = setup;
  const { folder, signal } = context;
  const fingerprint = buildFingerprint(setup);
  const wanted = splitNames.filter((name) => setup.options.fractions[name] > 0);
  const made = await openIfMade(folder, wanted, fingerprint);
  if (made !== undefined) return made;
  // Rather an incomplete dataset than one of two origins, should writing fail half-way.
  for (const name of splitNames) {
    const file = splitFile(folder, name);
    await rm(datasetSidecarPath(file), { force: true });
    await rm(file, { force: true });
  }
  const chunks = createChunkReader(stageFolder(folder, 'extract'));
  try {
    const splits = await gatherRows(setup, chunks);
    const total = splitNames.reduce((sum, name) => sum + splits[name].rows.length, 0);
    let written = 0;
    for (const name of wanted) {
      signal.throwIfAborted();
      const { labelled, rows } = splits[name];
      if (rows.length === 0) throw emptySplit(name, splits[name]);
      const { id, parent } = splitIds(idOf(setup), name, labelled);
      const control = {
        shuffle: setup.options.shuffle.includes(name),
        shuffleActivations: setup.options.shuffleActivations.includes(name),
      };
      const order = orderRows(rows.length, id, control, setup.seeds);
      await writeSplit(
        folder,
        name,
        rowsOf(name, rows, order, setup, chunks),
        sidecarOf(setup, { fingerprint, name, parent, order, of: splits[name] }),
      );
      written += rows.length;
      yield { type: 'progress', task: 'build', done: written, total, unit: 'rows' };
    }
  } finally {
    await chunks.close();
  }
  await verify(folder, wanted);
  const lengths = await openIfMade(folder, wanted, fingerprint);
  if (lengths === undefined) throw new Error(`What was built in ${folder} cannot be opened (${extraction.rows} rows were extracted).`);
  return lengths;
}

/** Doc-disjointness of what was written, read back from the files. */
async function verify(folder: string, wanted: readonly SplitName[]): Promise<void> {
  const documents: Record<SplitName, string[]> = { avSft: [], arSft: [], heldOut: [] };
  for (const name of wanted) documents[name] = await (await openSplit(splitFile(folder, name), name)).documents();
  checkDisjoint(documents);
}

/** Every extracted row goes to its split, but for those whose label says why they are dropped. */
async function gatherRows({ extraction, split, labels, options }: BuildSetup, chunks: ChunkReader): Promise<Record<SplitName, SplitRows>> {
  const wanted = new Set(options.label);
  const empty = (name: SplitName): SplitRows => ({ rows: [], labels: [], labelled: wanted.has(name) });
  const splits = { avSft: empty('avSft'), arSft: empty('arSft'), heldOut: empty('heldOut') };
  const next = labelReader(labels);
  for (let index = 0; index < extraction.chunks; index += 1) {
    const chunk = await chunks.chunk(index);
    for (const [row, { document }] of chunk.rows.entries()) {
      const { id = '', family = 'none' } = chunk.documents[document] ?? {};
      const of = splits[split.of.get(id) ?? 'heldOut'];
      const place = { chunk: index, row };
      if (!of.labelled) {
        of.rows.push({ place, family });
        continue;
      }
      const label = await next();
      of.labels.push(label);
      if (label.explanation !== null) of.rows.push({ place, family, label });
    }
  }
  return splits;
}

/** The labels one after another, in the order of the rows they are for. */
function labelReader(labels: CorpusLabels): () => Promise<Label> {
  let chunk = -1;
  let read: readonly Label[] = [];
  let at = 0;
  return async () => {
    if (at >= read.length) {
      chunk += 1;
      read = await labels.read(chunk);
      at = 0;
    }
    const label = read[at];
    at += 1;
    if (label === undefined) throw new RangeError(`label chunk ${chunk} is empty`);
    return label;
  };
}

async function* rowsOf(
  name: SplitName,
  rows: readonly ReadyRow[],
  order: RowOrder,
  { contract, context }: BuildSetup,
  chunks: ChunkReader,
): AsyncGenerator<NlaRow> {
  const { tokenizer } = context.model;
  for (const [at, index] of order.rows.entries()) {
    context.signal.throwIfAborted();
    const ready = rows[index];
    const donor = rows[order.vectors[at] ?? index];
    if (ready === undefined || donor === undefined) continue;
    const chunk = await chunks.chunk(ready.place.chunk);
    const item = itemOfRow(chunk, ready.place.row, tokenizer);
    if (name === 'arSft' && ready.label !== undefined) checkSuffix(contract, ready.label.explanation, item.id, context);
    yield {
      id: item.id,
      documentId: item.documentId,
      vector: await (await chunks.chunk(donor.place.chunk)).vector(contract.layer, donor.place.row),
      text: item.text,
      token: item.token,
      rawTokens: (chunk.rows[ready.place.row]?.position ?? 0) + 1,
      ...(ready.label === undefined
        ? {}
        : {
            explanation: ready.label.explanation,
            labeler: ready.label.labeler,
            ...(ready.label.fields === undefined ? {} : { fields: ready.label.fields }),
          }),
    };
  }
}

/** The AR is read at the last token of its prompt: a suffix that merges with an explanation's end would put it elsewhere. */
function checkSuffix(contract: NlaContract, explanation: string, row: string, { model }: Pick<DatasetContext, 'model'>): void {
  const suffix = contract.tokens.criticSuffixIds;
  if (suffix === null) return;
  const ids = arPromptIds(contract, model.tokenizer, explanation);
  const end = Array.from(ids.slice(Math.max(0, ids.length - suffix.length)));
  if (end.length === suffix.length && end.every((id, index) => id === suffix[index])) return;
  throw new NlaError('E_AR_SUFFIX', {
    message: `The AR prompt of row ${row} does not end with the suffix that all of them have to end with.`,
    found: `ids ${end.join(' ')} after ${JSON.stringify(explanation.slice(-40))}`,
    expected: suffix.join(' '),
    fix: 'Let the AR template separate the explanation from what follows it, for instance by a tag or a space.',
    kind: 'input',
  });
}

function idOf({ contract, corpusNames, extraction }: BuildSetup): string {
  return baseId({ contract, corpus: corpusNames.join(' + '), slice: { start: 0, length: extraction.seen } });
}

/** What the files depend on: the labels cover extraction and split. */
function buildFingerprint({ contract, labels, options, seeds }: BuildSetup): string {
  const { shuffle, shuffleActivations } = options;
  return createHash('sha256')
    .update(JSON.stringify([procedure, contract, labels.fingerprint, { shuffle, shuffleActivations }, seeds.seed]))
    .digest('hex');
}

function sidecarOf(
  setup: BuildSetup,
  { fingerprint, name, parent, order, of }: { fingerprint: string; name: SplitName; parent: string; order: RowOrder; of: SplitRows },
): SplitSidecar {
  const { contract, corpusNames, extraction, labeler, options, seeds } = setup;
  const described: Readonly<Record<string, JsonValue>> = { labeler: labeler.name, ...labeler.describe() };
  const layer = extraction.layers[String(contract.layer)];
  const { labelled, dropped, reasons, labelers } = countLabels(of.labels);
  return {
    ...contractFields(contract),
    datasetId: order.datasetId,
    norm: 'none',
    corpus: corpusNames.join(' + '),
    corpusSlice: { start: 0, length: extraction.seen },
    positionsPerDoc: options.positionsPerDocument,
    // A labeler that asks a language model says which; upstream's block is for those.
    ...(of.labelled ? (described['model'] === undefined ? { labels: described } : { apiSummaries: described }) : {}),
    parentDatasets: [parent],
    createdBy: 'nlakit dataset-corpus',
    extensions: {
      [corpusKey]: {
        fingerprint,
        seed: seeds.seed,
        split: { name, by: options.splitBy, fractions: { ...options.fractions } },
        families: countFamilies(of.rows.map(({ family }) => family)),
        documents: {
          seen: extraction.seen,
          left_out: { ...extraction.leftOut },
          short: extraction.short,
          truncated: extraction.truncated,
          read: extraction.documents,
        },
        positions: { max_length: options.maxLength, first: options.minPosition },
        ...(of.labelled ? { label_counts: { labelled, dropped, reasons: { ...reasons }, labelers: { ...labelers } } } : {}),
        ...(layer === undefined
          ? {}
          : {
              extraction: {
                norm_median: layer.norms.median,
                norm_mean: layer.norms.mean,
                rho: layer.rho,
                rawvar: layer.rawvar,
                embedding_norm_median: extraction.embeddingNorms.median,
              },
            }),
      },
    },
  };
}

async function openIfMade(
  folder: string,
  wanted: readonly SplitName[],
  fingerprint: string,
): Promise<Readonly<Record<SplitName, number>> | undefined> {
  const lengths: Record<SplitName, number> = { avSft: 0, arSft: 0, heldOut: 0 };
  for (const name of wanted) {
    const file = splitFile(folder, name);
    if (!existsSync(file)) return undefined;
    try {
      const { length, sidecar } = await openSplit(file, name);
      const { fingerprint: stated } = (sidecar.extensions[corpusKey] ?? {}) as { readonly fingerprint?: string };
      if (stated !== fingerprint) return undefined;
      lengths[name] = length;
    } catch (error) {
      // A file or sidecar that cannot be read is made again.
      if (isNlaError(error)) return undefined;
      throw error;
    }
  }
  return lengths;
}

function emptySplit(name: SplitName, { labels }: SplitRows): NlaError {
  const { reasons } = countLabels(labels);
  const [reason, count] = Object.entries(reasons)[0] ?? [];
  return new NlaError('E_CORPUS_UNLABELLED', {
    message: `No row of ${name} is left.`,
    found: reason === undefined ? 'no documents in this split' : `${labels.length} rows without a label, ${count} of them: ${reason}`,
    fix: 'Check the labeler, or give the corpus more documents.',
    kind: 'input',
  });
}
