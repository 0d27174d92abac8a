import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SeedStreams } from '@nlakit/core';
import { isHeldOut, readWordnet } from '@nlakit/wordnet';
import { createSeedStreams } from '@nlakit/run';
import { createCorpusEncoder } from './corpus-encoder.js';
import { explainedDocuments, glossDocuments, hypernymDocuments } from './corpora.js';
import { packStream, packWhole, type EvaluationRows } from './pack.js';
import { tokenizerJson } from './tokenizer-files.js';
import { trainBytePairs, type Merge } from './train-byte-pairs.js';
import { learnedTokens } from './vocabulary.js';

/** Number of tokens in a row. */
export const rowLength = 112;

/** Everything training reads. */
export interface Corpus {
  /** Serialised `tokenizer.json`. */
  readonly tokenizer: string;
  /** Token streams of the training synsets. `explained` holds several passes over the synsets with other excerpts each. */
  readonly streams: { readonly glosses: Uint16Array; readonly hypernyms: Uint16Array; readonly explained: Uint16Array };
  /** Glosses of the held-out synsets, in random order. */
  readonly heldOut: EvaluationRows;
  /** Texts of corpus C from held-out synsets, in random order. */
  readonly heldOutExplained: EvaluationRows;
}

/** How often corpus C goes through the synsets. */
const explainedPasses = 2;

/** Raised when what the files hold changes, so that old ones are not used again. */
const version = 1;

const parts = ['glosses', 'hypernyms', 'explained', 'heldOut', 'heldOutExplained'] as const;

/**
 * Makes the tokenizer and the token streams from WordNet, or reads them from `folder` if they were made there before with the same
 * seed. Everything depends on the seed alone.
 */
export async function prepareCorpus(folder: string, seed: number, log: (message: string) => void): Promise<Corpus> {
  const key = createHash('sha256').update(`${version}|${seed}|${rowLength}|${explainedPasses}`).digest('hex').slice(0, 12);
  const cached = join(folder, `corpus-${key}`);
  try {
    const corpus = await readCorpus(cached);
    log(`corpus: read from ${cached}`);
    return corpus;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  log('corpus: reading WordNet, training the tokenizer, encoding');
  const made = await makeCorpus(createSeedStreams(seed));
  const partial = `${cached}.partial-${process.pid}`;
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, 'tokenizer.json'), made.tokenizer);
  for (const part of parts) {
    const tokens = part === 'heldOut' || part === 'heldOutExplained' ? made[part].tokens : made.streams[part];
    await writeFile(join(partial, `${part}.u16`), new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
  }
  await rename(partial, cached);
  return made;
}

async function makeCorpus(seeds: SeedStreams): Promise<Corpus> {
  const wordnet = await readWordnet();
  const training = wordnet.synsets.filter((synset) => !isHeldOut(synset.id));
  const unseen = wordnet.synsets.filter((synset) => isHeldOut(synset.id));
  const glosses = glossDocuments(training);
  const merges: readonly Merge[] = trainBytePairs(glosses, learnedTokens - 256);
  const encode = createCorpusEncoder(merges);
  const encodeAll = (documents: readonly string[], stream: string): number[][] =>
    seeds
      .stream(stream)
      .shuffle(documents)
      .map((document) => encode(document));

  const explained: number[][] = [];
  for (let pass = 0; pass < explainedPasses; pass += 1) {
    const documents = explainedDocuments(training, wordnet, seeds.stream(`corpus.explained.${pass}`));
    for (const document of encodeAll(documents, `order.explained.${pass}`)) explained.push(document);
  }
  return {
    tokenizer: `${JSON.stringify(tokenizerJson(merges))}\n`,
    streams: {
      glosses: packStream(encodeAll(glosses, 'order.glosses')),
      hypernyms: packStream(encodeAll(hypernymDocuments(training, wordnet, seeds.stream('corpus.hypernyms')), 'order.hypernyms')),
      explained: packStream(explained),
    },
    heldOut: packWhole(encodeAll(glossDocuments(unseen), 'order.held-out'), rowLength),
    heldOutExplained: packWhole(
      encodeAll(explainedDocuments(unseen, wordnet, seeds.stream('corpus.held-out')), 'order.held-out-explained'),
      rowLength,
    ),
  };
}

async function readCorpus(folder: string): Promise<Corpus> {
  const read = async (part: (typeof parts)[number]): Promise<Uint16Array> => {
    const bytes = await readFile(join(folder, `${part}.u16`));
    return new Uint16Array(new Uint8Array(bytes).buffer);
  };
  const evaluation = (tokens: Uint16Array): EvaluationRows => ({ tokens, rows: tokens.length / rowLength, rowLength });
  return {
    tokenizer: await readFile(join(folder, 'tokenizer.json'), 'utf8'),
    streams: { glosses: await read('glosses'), hypernyms: await read('hypernyms'), explained: await read('explained') },
    heldOut: evaluation(await read('heldOut')),
    heldOutExplained: evaluation(await read('heldOutExplained')),
  };
}
