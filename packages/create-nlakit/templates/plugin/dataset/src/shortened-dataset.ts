import type { Dataset, NlaRow } from '@nlakit/core';

/** The first words of a text, with what stands between them. */
export function firstWords(text: string, words: number): string {
  return text.match(new RegExp(`^\\s*(?:\\S+\\s*){0,${words}}`, 'u'))?.[0].trim() ?? text;
}

/** A dataset whose explanations are cut: are the first words of a label all that an NLA needs? Vectors and documents stay as they are. */
export function shortenedDataset(whole: Dataset, words: number): Dataset {
  const shortened = (row: NlaRow): NlaRow =>
    row.explanation === undefined ? row : { ...row, explanation: firstWords(row.explanation, words) };
  return {
    ...whole,
    prepare: (context) => whole.prepare(context),
    describe: async (folder) => {
      const description = await whole.describe(folder);
      // Other labels are other data: whatever was trained on them must say so.
      return { ...description, datasetId: `${description.datasetId}-first-${words}-words` };
    },
    open: async (folder, name) => {
      const split = await whole.open(folder, name);
      return {
        name: split.name,
        length: split.length,
        sha256: split.sha256,
        rows: async (indices) => (await split.rows(indices)).map(shortened),
      };
    },
  };
}
