import { resolve } from 'node:path';
import {
  NlaError,
  type Dataset,
  type DatasetContext,
  type DatasetEvent,
  type Figures,
  type LabelContext,
  type LabelEstimate,
  type LabelItem,
  type Labeler,
  type Logger,
  type SeedStreams,
} from '@nlakit/core';
import { describeDataset, openSplit, splitFile } from '@nlakit/dataset';
import { contractFor } from '@nlakit/sidecar';
import { buildStage } from './build/build-stage.js';
import { writeBase } from './build/write-base.js';
import { openCorpus } from './documents/index.js';
import { labelItem } from './extract/corpus-row.js';
import { extract, planCorpus, readExtraction, type ExtractSetup } from './extract/extract.js';
import { extractionFigures, type Extraction } from './extract/extraction.js';
import type { PlannedDocument } from './extract/plan-document.js';
import { labelStage } from './label/label-stage.js';
import type { CorpusDatasetOptions } from './options.js';
import { countFamilies, divideDocuments, splitStage } from './split/index.js';
import { stageFolder } from './stage-folder.js';

/** What a corpus dataset is made with, besides its options. */
export interface CorpusParts {
  readonly seeds: SeedStreams;
  readonly labeler: Labeler;
  readonly log: Logger;
  /** Folder that relative paths in options start from. */
  readonly baseFolder: string;
}

const stages = ['extract', 'split', 'label', 'build'] as const;
type Stage = (typeof stages)[number];

/**
 * A dataset from any text, in four stages: `extract` reads activations at random positions of every document, `split` divides the documents,
 * `label` asks the labeler for explanations, `build` writes the three files. What a stage has done is kept chunk by chunk below
 * `data/.stages`, so that a killed run goes on to the same bytes, and shards of `extract` and `label` can be made on several machines.
 */
export function createCorpusDataset(options: CorpusDatasetOptions, parts: CorpusParts): Dataset {
  return {
    stages: [...stages],
    prepare: (context) => prepare(options, parts, context),
    estimateLabels: (context) => estimateLabels(options, parts, context),
    describe: describeDataset,
    open: (folder, split) => openSplit(splitFile(folder, split), split),
  };
}

async function* prepare(options: CorpusDatasetOptions, parts: CorpusParts, context: DatasetContext): AsyncGenerator<DatasetEvent> {
  const until = (context.until ?? 'build') as Stage;
  const { folder, layer, shard, signal } = context;
  signal.throwIfAborted();
  if (shard !== undefined && until !== 'extract' && until !== 'label') throw noShards(until);
  // Before hours of reading, whatever can be wrong with the prompts.
  const contract = contractFor(options.templates, context);
  const setup = await extractSetup(options, parts, context);

  const extraction = shard !== undefined && until === 'label' ? await readExtraction(setup) : yield* extract(setup);
  if (extraction === undefined) {
    if (until === 'label') throw incomplete(folder);
    yield done({ shard: shard?.index ?? 0, shards: shard?.count ?? 1 }, [stageFolder(folder, 'extract')]);
    return;
  }
  yield* warningsOf(extraction, options);
  const figures = extractionFigures(extraction, layer);
  const corpusNames = setup.corpus.names;
  const baseFiles = options.base ? await writeBase({ contract, corpusNames, extraction, options, context }) : [];
  if (until === 'extract') return yield done(figures, [stageFolder(folder, 'extract'), ...baseFiles]);

  const split = await splitStage(folder, extraction, options, parts.seeds);
  const documents = countFamilies(split.of.values());
  if (until === 'split') return yield done({ ...documents }, [stageFolder(folder, 'split')]);

  const labelContext = labelContextOf(options, parts, context);
  const labels = yield* labelStage({ extraction, split, labeler: parts.labeler, options, context, labelContext });
  if (until === 'label') return yield done({ rows: labels.rows.length, chunks: labels.chunks }, [stageFolder(folder, 'label')]);
  if (!labels.complete) throw incomplete(folder);

  const rows = yield* buildStage({
    contract,
    corpusNames,
    extraction,
    split,
    labels,
    labeler: parts.labeler,
    options,
    seeds: parts.seeds,
    context,
  });
  const dropped = extraction.rows - rows.avSft - rows.arSft - rows.heldOut;
  yield done({ ...rows, rowsDropped: dropped, dModel: contract.dModel, layer, ...figures }, [
    ...(['avSft', 'arSft', 'heldOut'] as const).filter((name) => rows[name] > 0).map((name) => splitFile(folder, name)),
    ...baseFiles,
  ]);
}

/** What the labels would cost, from the texts alone: nothing is read by the model, nobody is asked. */
async function estimateLabels(options: CorpusDatasetOptions, parts: CorpusParts, context: DatasetContext): Promise<LabelEstimate> {
  const setup = await extractSetup(options, parts, context);
  const planned: PlannedDocument[] = [];
  for await (const document of planCorpus(setup)) planned.push(document);
  const of = divideDocuments(
    planned.map(({ id }) => id),
    options,
    parts.seeds,
  );
  const wanted = new Set(options.label);
  const items: LabelItem[] = planned.flatMap((document) => {
    const name = of.get(document.id);
    if (name === undefined || !wanted.has(name)) return [];
    return document.positions.map((position) => labelItem(document, document.tokens, position, context.model.tokenizer));
  });
  const estimate = await parts.labeler.estimate?.(items, labelContextOf(options, parts, context));
  const figures: Figures = { documents: planned.length, rows: items.length, ...estimate?.figures };
  return { figures, warnings: estimate?.warnings ?? [] };
}

async function extractSetup(
  options: CorpusDatasetOptions,
  { baseFolder, seeds }: CorpusParts,
  context: DatasetContext,
): Promise<ExtractSetup> {
  return { corpus: await openCorpus(options.sources, { filters: options.filters, baseFolder }), options, seeds, context };
}

function labelContextOf({ labelCache }: CorpusDatasetOptions, { baseFolder, log }: CorpusParts, context: DatasetContext): LabelContext {
  const cacheFolder = labelCache === undefined ? stageFolder(context.folder, 'answers') : resolve(baseFolder, labelCache);
  return { model: context.model, cacheFolder, signal: context.signal, log };
}

function* warningsOf(extraction: Extraction, { maxLength, minPosition }: CorpusDatasetOptions): Generator<DatasetEvent> {
  const { truncated, short, documents } = extraction;
  if (truncated > 0) {
    const message = `${truncated} documents are longer than ${maxLength} tokens; what is behind was not read. Cut long texts into documents, or raise maxLength.`;
    yield { type: 'warning', warning: { code: 'W_CORPUS_TRUNCATED', message } };
  }
  if (short > documents) {
    const message = `${short} documents have no token at position ${minPosition} or behind it and give no row, more than the ${documents} that do. Lower minPosition for short texts.`;
    yield { type: 'warning', warning: { code: 'W_CORPUS_SHORT', message } };
  }
}

function done(figures: Figures, files: readonly string[]): DatasetEvent {
  return { type: 'done', figures, files };
}

function noShards(stage: Stage): NlaError {
  return new NlaError('E_DATA_SHARD', {
    message: `The stage "${stage}" cannot be divided.`,
    expected: 'extract or label',
    fix: `Do all shards of extract and label, bring their files together, then run \`nla data ${stage}\` once without --shard.`,
    kind: 'input',
  });
}

function incomplete(folder: string): NlaError {
  return new NlaError('E_CORPUS_INCOMPLETE', {
    message: 'The stage before this one is not complete.',
    fix: 'Bring the files of all shards together in this folder, then run `nla data extract` without --shard: it sums them up and reads what is missing.',
    file: stageFolder(folder, 'extract'),
    kind: 'input',
  });
}
