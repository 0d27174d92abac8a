import type { Evaluation } from '@nlakit/core';

interface Row {
  readonly documentId: string;
  readonly choice: Readonly<Record<string, { readonly correct: number; readonly chosen: number | null }>>;
  readonly rubric: Readonly<Record<string, { readonly grades: Readonly<Record<string, number>> | null }>>;
}

/** The figures of a summary that no random numbers are needed for, from the stored rows alone, by other means than the evaluator's. */
export function recomputeJudge(stored: Evaluation): Readonly<Record<string, unknown>> {
  const rows = stored.rows as unknown as Row[];
  const candidates = Number(stored.summary['candidates']);
  const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const tail = (from: number, trials: number): number => {
    let [term, sum] = [(1 - 1 / candidates) ** trials, 0];
    for (let hits = 0; hits <= trials; hits += 1) {
      if (hits >= from) sum += term;
      term *= (trials - hits) / ((hits + 1) * (candidates - 1));
    }
    return sum;
  };
  const choice: Record<string, unknown> = {};
  const rubric: Record<string, unknown> = {};
  for (const condition of ['AV_OUT', 'GOLD', 'SHUFFLED']) {
    if (rows[0]?.choice[condition] !== undefined) {
      const hits = rows.map((row) => (row.choice[condition]?.chosen === row.choice[condition]?.correct ? 1 : 0));
      const seen = new Set<string>();
      const first = hits.filter((_, at) => {
        const { documentId = '' } = rows[at] ?? {};
        return !seen.has(documentId) && seen.add(documentId);
      });
      const total = (list: readonly number[]): number => list.reduce((sum, hit) => sum + hit, 0);
      choice[condition] = {
        n: hits.length,
        correct: total(hits),
        accuracy: { value: average(hits) },
        p: tail(total(hits), hits.length),
        documents: { n: first.length, correct: total(first), p: tail(total(first), first.length) },
        unparsed: rows.filter((row) => row.choice[condition]?.chosen === null).length,
      };
    }
    if (rows[0]?.rubric[condition] !== undefined) {
      const of = (scale: string): number => average(rows.map((row) => row.rubric[condition]?.grades?.[scale] ?? 1));
      const [validity, specificity, relatedness] = [of('validity'), of('specificity'), of('relatedness')];
      rubric[condition] = {
        n: rows.length,
        validity: { value: validity },
        specificity: { value: specificity },
        relatedness: { value: relatedness },
        overall: { value: (validity + specificity + relatedness) / 3 },
        unparsed: rows.filter((row) => row.rubric[condition]?.grades === null).length,
      };
    }
  }
  return { n: rows.length, chance: 1 / candidates, choice, rubric };
}
