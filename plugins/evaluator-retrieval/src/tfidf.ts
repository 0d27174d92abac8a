import type { TextAnalyzer } from './text-terms.js';

/** Term number and weight. */
type SparseVector = readonly (readonly [term: number, weight: number])[];

/**
 * Cosines of TF-IDF vectors, `[texts][candidates]`. Term frequencies are dampened, `1 + ln tf`; `idf = ln((1 + n) / (1 + df)) + 1` over
 * texts and candidates together; vectors have length 1 (scikit-learn's `TfidfVectorizer` with `sublinear_tf`). A text without terms is
 * similar to nothing: 0.
 */
export function tfidfSimilarity(texts: readonly string[], candidates: readonly string[], analyzer: TextAnalyzer): Float64Array[] {
  const vectors = tfidfVectors([...texts, ...candidates], analyzer);
  return sparseCosines(vectors.slice(0, texts.length), vectors.slice(texts.length));
}

function tfidfVectors(documents: readonly string[], analyzer: TextAnalyzer): SparseVector[] {
  const numbers = new Map<string, number>();
  const documentFrequency: number[] = [];
  const counts = documents.map((document) => {
    const own = new Map<number, number>();
    for (const term of analyzer.terms(document)) {
      let number = numbers.get(term);
      if (number === undefined) numbers.set(term, (number = numbers.size));
      own.set(number, (own.get(number) ?? 0) + 1);
    }
    for (const number of own.keys()) documentFrequency[number] = (documentFrequency[number] ?? 0) + 1;
    return own;
  });
  const idf = documentFrequency.map((frequency) => Math.log((1 + documents.length) / (1 + frequency)) + 1);
  return counts.map((own) => {
    const weighted = [...own].map(([term, count]) => [term, (1 + Math.log(count)) * (idf[term] ?? 0)] as const);
    const length = Math.sqrt(weighted.reduce((sum, [, weight]) => sum + weight * weight, 0));
    return weighted.map(([term, weight]) => [term, weight / length] as const);
  });
}

function sparseCosines(texts: readonly SparseVector[], candidates: readonly SparseVector[]): Float64Array[] {
  const holders: (readonly [candidate: number, weight: number])[][] = [];
  candidates.forEach((vector, candidate) => {
    for (const [term, weight] of vector) (holders[term] ??= []).push([candidate, weight]);
  });
  return texts.map((vector) => {
    const row = new Float64Array(candidates.length);
    for (const [term, weight] of vector) {
      for (const [candidate, other] of holders[term] ?? []) row[candidate] = (row[candidate] ?? 0) + weight * other;
    }
    return row;
  });
}
