/** Takes a text apart into the terms that similarity counts. */
export interface TextAnalyzer {
  readonly name: string;
  readonly meaning: string;
  terms(text: string): string[];
}

const wordForm = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu;

/** The words of a text, lower-cased. Words of one letter count. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(wordForm) ?? [];
}

/** Replaces each word for which `drop` holds by nothing. What is not a word stays. */
export function withoutWords(text: string, drop: (word: string) => boolean): string {
  return text.replace(wordForm, (word) => (drop(word.toLowerCase()) ? '' : word));
}

/** Runs of `from` to `to` neighbouring items, joined by spaces. */
export function wordRuns(words: readonly string[], from: number, to: number): string[] {
  const runs: string[] = [];
  for (let size = from; size <= to; size += 1) {
    for (let start = 0; start + size <= words.length; start += 1) runs.push(words.slice(start, start + size).join(' '));
  }
  return runs;
}

/** Words and pairs of neighbouring words. Stop words are left out before pairs are made, as scikit-learn does. */
export function wordAnalyzer(stopWords: readonly string[] = []): TextAnalyzer {
  const left = new Set(stopWords.map((word) => word.toLowerCase()));
  return {
    name: 'words',
    meaning: 'TF-IDF of words and pairs of words',
    terms: (text) =>
      wordRuns(
        wordsOf(text).filter((word) => !left.has(word)),
        1,
        2,
      ),
  };
}

/**
 * Character 3- to 5-grams within words that are padded by a space on either side (`char_wb` of scikit-learn; a padded word shorter than n
 * counts once, whole).
 */
export const characterAnalyzer: TextAnalyzer = {
  name: 'characters',
  meaning: 'TF-IDF of character 3- to 5-grams within words',
  terms(text) {
    const terms: string[] = [];
    for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
      const padded = [...` ${word} `];
      for (let size = 3; size <= 5; size += 1) {
        terms.push(padded.slice(0, size).join(''));
        for (let start = 1; start + size <= padded.length; start += 1) terms.push(padded.slice(start, start + size).join(''));
        if (padded.length <= size) break;
      }
    }
    return terms;
  },
};
