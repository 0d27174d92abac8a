import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { filterOptionsSchema } from '../filters/index.js';
import { openCorpus, sourceOptionsSchema, type CorpusDocument } from './index.js';

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'nlakit-documents-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(place, path)), { recursive: true });
  await writeFile(join(place, path), content);
}

async function open(sources: readonly Record<string, unknown>[], filters: Record<string, unknown> = {}) {
  return openCorpus(
    sources.map((source) => sourceOptionsSchema.parse(source)),
    { filters: filterOptionsSchema.parse(filters), baseFolder: place },
  );
}

async function read(sources: readonly Record<string, unknown>[], filters: Record<string, unknown> = {}): Promise<CorpusDocument[]> {
  const documents: CorpusDocument[] = [];
  for await (const document of (await open(sources, filters)).read().documents) documents.push(document);
  return documents;
}

const code = (name: string) => expect.objectContaining({ code: name }) as Error;

describe('a folder of texts', () => {
  it('gives a document a file, in the order of paths, with families from folders', async () => {
    await write('texts/b.txt', 'second');
    await write('texts/a/one.md', '\uFEFFfirst');
    await write('texts/.hidden/x.txt', 'hidden');
    await write('texts/picture.png', 'no text');
    expect(await read([{ kind: 'text', path: 'texts' }])).toEqual([
      { id: 'texts:a/one.md', text: 'first', family: 'a' },
      { id: 'texts:b.txt', text: 'second', family: 'texts' },
    ]);
  });

  it('knows itself again, but not when a file has changed', async () => {
    await write('texts/b.txt', 'second');
    const before = (await open([{ kind: 'text', path: 'texts' }])).identity;
    expect((await open([{ kind: 'text', path: join(place, 'texts') }])).identity).toEqual(before);
    await write('texts/b.txt', 'Second');
    expect((await open([{ kind: 'text', path: 'texts' }])).identity).not.toEqual(before);
  });

  it('is refused when it is empty, not there, or not UTF-8', async () => {
    await expect(read([{ kind: 'text', path: 'nowhere' }])).rejects.toEqual(code('E_CORPUS_MISSING'));
    await write('texts/a.txt', Uint8Array.of(0x66, 0xfc, 0x72));
    await expect(read([{ kind: 'text', path: 'texts' }])).rejects.toMatchObject({
      code: 'E_CORPUS_FORMAT',
      details: { file: join(place, 'texts/a.txt') },
    });
  });
});

describe('JSON lines', () => {
  it('give ids, families and what the labeler gets to see, also compressed', async () => {
    const lines = ['{"id":"wik_1","content":"one","topic":"sea","n":3}', '', '{"id":"wik_2","content":"two"}'].join('\r\n');
    await write('one/a.jsonl', lines);
    await write('two/a.jsonl.gz', gzipSync(lines));
    const fields = { kind: 'jsonl', text: 'content', id: 'id', meta: ['topic', 'n'] };
    const wanted = [
      { id: 'wik_1', text: 'one', family: 'wik', meta: { topic: 'sea', n: '3' } },
      { id: 'wik_2', text: 'two', family: 'wik' },
    ];
    expect(await read([{ ...fields, path: 'one' }])).toEqual(wanted);
    expect(await read([{ ...fields, path: 'two/a.jsonl.gz' }])).toEqual(wanted);
    expect(await read([{ ...fields, path: 'one', id: undefined, family: 'web', meta: [] }])).toEqual([
      { id: 'one:a.jsonl:0', text: 'one', family: 'web' },
      { id: 'one:a.jsonl:1', text: 'two', family: 'web' },
    ]);
  });

  it('name the line at fault', async () => {
    await write('a.jsonl', '{"text":"one"}\n{"text":\n');
    await expect(read([{ kind: 'jsonl', path: 'a.jsonl' }])).rejects.toMatchObject({ code: 'E_CORPUS_FORMAT', details: { line: 2 } });
    await write('b.jsonl', '{"text":"one"}\n{"content":"two"}\n');
    await expect(read([{ kind: 'jsonl', path: 'b.jsonl' }])).rejects.toMatchObject({
      details: { line: 2, found: expect.stringContaining('content') as string },
    });
    await write('c.jsonl.gz', Uint8Array.of(1, 2, 3));
    await expect(read([{ kind: 'jsonl', path: 'c.jsonl.gz' }])).rejects.toEqual(code('E_CORPUS_FORMAT'));
  });

  it('are taken in part', async () => {
    await write('a.jsonl', [0, 1, 2, 3, 4].map((n) => `{"text":"text ${n}"}`).join('\n'));
    const part = await read([{ kind: 'jsonl', path: 'a.jsonl', start: 1, count: 2 }]);
    expect(part.map(({ id }) => id)).toEqual(['a:a.jsonl:1', 'a:a.jsonl:2']);
  });
});

describe('parquet', () => {
  beforeEach(() => {
    parquetWriteFile({
      filename: join(place, 'a.parquet'),
      columnData: [
        { name: 'text', data: ['one', 'two', 'three'], type: 'STRING' },
        { name: 'source', data: ['web', 'web', 'books'], type: 'STRING' },
        { name: 'number', data: [7n, 8n, 9n], type: 'INT64' },
      ],
      rowGroupSize: 2,
    });
  });

  it('gives a document a row, row group by row group', async () => {
    expect(await read([{ kind: 'parquet', path: 'a.parquet', familyField: 'source', meta: ['number'] }])).toEqual([
      { id: 'a:a.parquet:0', text: 'one', family: 'web', meta: { number: '7' } },
      { id: 'a:a.parquet:1', text: 'two', family: 'web', meta: { number: '8' } },
      { id: 'a:a.parquet:2', text: 'three', family: 'books', meta: { number: '9' } },
    ]);
    expect((await open([{ kind: 'parquet', path: 'a.parquet', start: 1 }])).total).toBe(2);
  });

  it('names a column that is not there, and a file that is none', async () => {
    await expect(read([{ kind: 'parquet', path: 'a.parquet', text: 'content' }])).rejects.toMatchObject({
      code: 'E_CORPUS_FORMAT',
      details: { found: 'text, source, number' },
    });
    await write('b.parquet', 'nothing');
    await expect(read([{ kind: 'parquet', path: 'b.parquet' }])).rejects.toEqual(code('E_CORPUS_FORMAT'));
  });

  it('is found in the cache of the Hub, or the command that fetches it is named', async () => {
    vi.stubEnv('HF_HUB_CACHE', join(place, 'hub'));
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const source = { kind: 'hub', repository: 'owner/corpus' };
    await expect(read([source])).rejects.toMatchObject({
      code: 'E_HUB_NOT_CACHED',
      details: { fix: 'nla pull owner/corpus --type dataset' },
    });
    await write('hub/datasets--owner--corpus/refs/main', commit);
    const { readFile } = await import('node:fs/promises');
    await write(`hub/datasets--owner--corpus/snapshots/${commit}/data/train.parquet`, await readFile(join(place, 'a.parquet')));
    await write(`hub/datasets--owner--corpus/snapshots/${commit}/README.md`, 'about');
    const documents = await read([source]);
    expect(documents.map(({ id, family }) => [id, family])[2]).toEqual(['owner/corpus:data/train.parquet:2', 'owner/corpus']);
  });
});

describe('a corpus', () => {
  it('of several sources leaves out what the filters say, and counts it', async () => {
    await write('a.jsonl', ['{"text":"a long enough text"}', '{"text":"short"}'].join('\n'));
    await write('texts/b.txt', 'a  long enough\ntext');
    const corpus = await open(
      [
        { kind: 'jsonl', path: 'a.jsonl' },
        { kind: 'text', path: 'texts' },
      ],
      { minCharacters: 8 },
    );
    const reading = corpus.read();
    const ids: string[] = [];
    for await (const { id } of reading.documents) ids.push(id);
    expect(ids).toEqual(['a:a.jsonl:0']);
    expect(reading.seen()).toBe(3);
    expect(reading.leftOut()).toEqual({ 'too-short': 1, duplicate: 1 });
  });

  it('refuses an id that stands for two documents', async () => {
    await write('a.jsonl', ['{"id":"x","text":"one"}', '{"id":"x","text":"two"}'].join('\n'));
    await expect(read([{ kind: 'jsonl', path: 'a.jsonl', id: 'id' }])).rejects.toEqual(code('E_CORPUS_ID'));
  });

  it('of glosses names their meanings', async () => {
    const [first] = await read([{ kind: 'wordnet', partsOfSpeech: ['n'], lexicographerFiles: ['noun.animal'], count: 1 }]);
    expect(first).toMatchObject({ family: 'noun.animal', text: expect.stringMatching(/^[^:]+: ./) as string });
    expect(first?.meta).toEqual({ synset: first?.id });
  });
});
