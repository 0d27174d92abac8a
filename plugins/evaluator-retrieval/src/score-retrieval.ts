import { hitWithin, rankCandidates, rankPercentile, reciprocalRank, type Standing } from './rank-candidates.js';

/** Names of what a retrieval is measured by. */
export const RETRIEVAL_STATISTICS = [
  'top1',
  'topK',
  'reciprocalRank',
  'percentile',
  'documentTop1',
  'documentTopK',
  'documentPercentile',
  'gap',
] as const;

/** What a retrieval is measured by. */
export type RetrievalStatistic = (typeof RETRIEVAL_STATISTICS)[number];

/** What each statistic is, for reports. */
export const STATISTIC_MEANINGS: Readonly<Record<RetrievalStatistic, string>> = {
  top1: 'the own row is the most similar one',
  topK: 'the own row is among the k most similar ones',
  reciprocalRank: 'mean of 1 / rank of the own row',
  percentile: 'mean percentile rank of the own row: 1 best, .5 chance',
  documentTop1: 'the own document has the most similar row',
  documentTopK: 'the own document is among the k documents with the most similar rows',
  documentPercentile: 'mean percentile rank of the own document',
  gap: 'mean similarity to other rows of the own document less that to rows of other documents',
};

/** A text's similarities, turned into scores for every row that it might belong to. */
export interface RetrievalScores {
  /** Score of text `text` if it is that of row `row`; NaN where the statistic says nothing of the row. */
  score(statistic: RetrievalStatistic, text: number, row: number): number;
  /** Standing of row `row` among the rows, for text `text`. */
  standing(text: number, row: number): Standing;
  /** Standing of the row's document among the documents. A document is as similar as its most similar row. */
  documentStanding(text: number, row: number): Standing;
  readonly documents: number;
}

/** Ranks rows and documents by `similarity [texts][rows]` once, so that permutations only look scores up. */
export function scoreRetrieval(
  similarity: readonly ArrayLike<number>[],
  documents: readonly string[],
  k: { readonly topK: number; readonly documentTopK: number },
): RetrievalScores {
  const n = documents.length;
  const numberOf = new Map([...new Set(documents)].map((name, index) => [name, index]));
  const documentOf = Int32Array.from(documents, (name) => numberOf.get(name) ?? 0);
  const sizes = new Int32Array(numberOf.size);
  for (const document of documentOf) sizes[document] = (sizes[document] ?? 0) + 1;
  const byText = similarity.map((values) => {
    const best = new Float64Array(numberOf.size).fill(-Infinity);
    const sums = new Float64Array(numberOf.size);
    let total = 0;
    documentOf.forEach((document, row) => {
      const value = values[row] ?? NaN;
      best[document] = Math.max(best[document] ?? -Infinity, value);
      sums[document] = (sums[document] ?? 0) + value;
      total += value;
    });
    return { values, rows: rankCandidates(values), documents: rankCandidates(best), sums, total };
  });
  const tables = (text: number) => {
    const found = byText[text];
    if (found === undefined) throw new Error(`There is no text ${text}.`);
    return found;
  };
  const at = ({ better, tied }: { readonly better: Int32Array; readonly tied: Int32Array }, index: number): Standing => ({
    better: better[index] ?? 0,
    tied: tied[index] ?? 0,
  });
  const standing = (text: number, row: number) => at(tables(text).rows, row);
  const documentStanding = (text: number, row: number) => at(tables(text).documents, documentOf[row] ?? 0);
  const gap = (text: number, row: number) => {
    const { values, sums, total } = tables(text);
    const document = documentOf[row] ?? 0;
    const size = sizes[document] ?? 0;
    const sum = sums[document] ?? 0;
    return size < 2 || size === n ? NaN : (sum - (values[row] ?? NaN)) / (size - 1) - (total - sum) / (n - size);
  };
  const score: Readonly<Record<RetrievalStatistic, (text: number, row: number) => number>> = {
    top1: (text, row) => hitWithin(standing(text, row), 1),
    topK: (text, row) => hitWithin(standing(text, row), k.topK),
    reciprocalRank: (text, row) => reciprocalRank(standing(text, row)),
    percentile: (text, row) => rankPercentile(standing(text, row), n),
    documentTop1: (text, row) => hitWithin(documentStanding(text, row), 1),
    documentTopK: (text, row) => hitWithin(documentStanding(text, row), k.documentTopK),
    documentPercentile: (text, row) => rankPercentile(documentStanding(text, row), numberOf.size),
    gap,
  };
  return { score: (statistic, text, row) => score[statistic](text, row), standing, documentStanding, documents: numberOf.size };
}
