import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { NlaError, type DatasetContext, type DatasetEvent, type SeedStreams } from '@nlakit/core';
import { withRandomFor } from '@nlakit/dataset';
import { summarize } from '@nlakit/metrics';
import { probeActivation, readActivations, sameActivation, sampleEmbeddingNorms, type ActivationProbe } from '@nlakit/nla';
import type { Corpus, CorpusDocument } from '../documents/index.js';
import type { CorpusDatasetOptions } from '../options.js';
import { changedError, readJson, stageFolder, writeJson } from '../stage-folder.js';
import { chunkFile, writeChunk } from './chunk-file.js';
import { summarizeChunks, type Extraction } from './extraction.js';
import { documentPlanner, type PlannedDocument } from './plan-document.js';

/** Changes when the same inputs are to give other rows. */
const procedure = 1;

/** What an extraction works with. */
export interface ExtractSetup {
  readonly corpus: Corpus;
  readonly options: CorpusDatasetOptions;
  readonly seeds: SeedStreams;
  readonly context: Pick<DatasetContext, 'model' | 'layer' | 'folder' | 'signal' | 'shard'>;
}

/** The layers that are read, ascending, that of the model among them. */
function layersOf(options: Pick<CorpusDatasetOptions, 'layers'>, layer: number): number[] {
  return [...new Set([layer, ...options.layers])].sort((one, other) => one - other);
}

/** What the rows of an extraction depend on, but for the last digits that backends round differently. */
function extractionFingerprint({ corpus, options, seeds, context }: ExtractSetup): string {
  const { model, layer } = context;
  const { filters, maxLength, minPosition, positionsPerDocument, batchTokens, chunkDocuments } = options;
  const parts = {
    procedure,
    corpus: corpus.identity,
    sources: options.sources.map((source) => ({ ...source, path: undefined })),
    choices: { filters, maxLength, minPosition, positionsPerDocument, batchTokens, chunkDocuments, layers: layersOf(options, layer) },
    seed: seeds.seed,
    model: [model.spec.name, model.spec.fingerprint ?? null, model.tokenizer.sha256],
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The finished extraction in a data folder, if it is of that fingerprint. Throws `E_CORPUS_CHANGED` for another one. */
export async function readExtraction(setup: ExtractSetup): Promise<Extraction | undefined> {
  const folder = stageFolder(setup.context.folder, 'extract');
  const found = await readJson<Extraction>(folder, 'extraction.json');
  if (found === undefined) return undefined;
  if (found.fingerprint !== extractionFingerprint(setup))
    throw changedError('extracted', folder, 'another corpus, model, or other options');
  const gone = Array.from({ length: found.chunks }, (_, index) => index).find((index) => !existsSync(chunkFile(folder, index)));
  return gone === undefined ? found : undefined;
}

/**
 * Reads the activations of a corpus, chunk by chunk: every `chunkDocuments` documents that the filters let through are one. A chunk that is
 * there is not read again, so a killed extraction goes on; batches never reach over a chunk, so whoever reads a chunk writes the same bytes.
 *
 * With a shard only its chunks are read. Without, those that are missing are, and the extraction is summed up and returned.
 * Throws `E_CORPUS_CHANGED`, `E_CORPUS_EMPTY`, the signal's reason, and the errors of reading.
 */
export async function* extract(setup: ExtractSetup): AsyncGenerator<DatasetEvent, Extraction | undefined> {
  const { corpus, options, context } = setup;
  const { folder: dataFolder, signal, shard } = context;
  const done = await readExtraction(setup);
  if (done !== undefined) return done;
  const folder = stageFolder(dataFolder, 'extract');
  const fingerprint = extractionFingerprint(setup);
  await mkdir(folder, { recursive: true });
  await holdOrigin(folder, fingerprint, setup);

  const reading = corpus.read();
  let chunks = 0;
  for await (const documents of chunksOf(reading.documents, options.chunkDocuments)) {
    const index = chunks;
    chunks += 1;
    signal.throwIfAborted();
    const mine = shard === undefined || index % shard.count === shard.index;
    if (mine && !existsSync(chunkFile(folder, index)))
      yield* extractChunk(documents, { index, fingerprint, folder, before: reading.seen() }, setup);
    yield progress(reading.seen(), corpus.total);
  }
  if (shard !== undefined) return undefined;

  const layers = layersOf(options, context.layer);
  const summary = await summarizeChunks(folder, { fingerprint, chunks, layers, signal });
  if (summary.rows === 0) throw emptyError(reading.seen(), summary.short, reading.leftOut());
  const embeddingNorms = summarize(await embeddingNormsOf(setup));
  const extraction: Extraction = { fingerprint, chunks, seen: reading.seen(), leftOut: reading.leftOut(), ...summary, embeddingNorms };
  await writeJson(folder, 'extraction.json', extraction);
  return extraction;
}

async function* extractChunk(
  documents: readonly CorpusDocument[],
  { index, fingerprint, folder, before }: { index: number; fingerprint: string; folder: string; before: number },
  { corpus, options, seeds, context }: ExtractSetup,
): AsyncGenerator<DatasetEvent, void> {
  const { model, signal } = context;
  const layers = layersOf(options, context.layer);
  const planned = documents.map(documentPlanner(model.tokenizer, seeds, options));
  const long = planned.filter(({ positions }) => positions.length > 0);
  const vectors: (ReadonlyMap<number, Float32Array> | undefined)[] = long.map(() => undefined);
  let read = planned.length - long.length;
  for await (const batch of readActivations(model, long, { layers, batchTokens: options.batchTokens, signal })) {
    for (const one of batch) vectors[one.index] = one.vectors;
    read += batch.length;
    yield progress(before - documents.length + read, corpus.total);
  }
  const head = { fingerprint, index, short: planned.length - long.length, truncated: planned.filter(({ truncated }) => truncated).length };
  await writeChunk(
    folder,
    head,
    long,
    vectors.filter((one) => one !== undefined),
    { layers, dModel: model.spec.dModel },
  );
}

/**
 * The documents as they would be read, without reading them: for prices before any work. Those without positions are left out.
 */
export async function* planCorpus({ corpus, options, seeds, context }: ExtractSetup): AsyncGenerator<PlannedDocument> {
  const plan = documentPlanner(context.model.tokenizer, seeds, options);
  for await (const document of corpus.read().documents) {
    context.signal.throwIfAborted();
    const planned = plan(document);
    if (planned.positions.length > 0) yield planned;
  }
}

/** Holds the folder to one origin: what fingerprints cannot see (a quantizer) shows in the activation of a fixed text. */
async function holdOrigin(folder: string, fingerprint: string, { context }: ExtractSetup): Promise<void> {
  const probe = await probeActivation(context.model, context.layer);
  const before = await readJson<{ readonly fingerprint: string; readonly probe: ActivationProbe }>(folder, 'origin.json');
  if (before === undefined) {
    await writeJson(folder, 'origin.json', { fingerprint, probe });
    return;
  }
  if (before.fingerprint !== fingerprint) throw changedError('extracted', folder, 'another corpus, model, or other options');
  if (!sameActivation(before.probe, probe))
    throw changedError('extracted', folder, 'a model whose activations differ (weights or quantizer)');
}

async function embeddingNormsOf({ seeds, context }: ExtractSetup): Promise<number[]> {
  // The ids are drawn before anything is awaited: the stream is shared, and is given back at once.
  return withRandomFor(seeds, 'embedding norms', (random) => sampleEmbeddingNorms(context.model, random));
}

async function* chunksOf<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<Item[]> {
  let chunk: Item[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function progress(done: number, total: number | undefined): DatasetEvent {
  return { type: 'progress', task: 'extract', done, ...(total === undefined ? {} : { total }), unit: 'documents' };
}

function emptyError(seen: number, short: number, leftOut: Readonly<Record<string, number>>): NlaError {
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  return new NlaError('E_CORPUS_EMPTY', {
    message: 'No document of the corpus gives a row.',
    found: `${seen} documents: ${[...reasons, `${short} without a token at minPosition or behind it`].join(', ')}`,
    fix: 'Lower minPosition, loosen the filters, or name another corpus.',
    kind: 'input',
  });
}
