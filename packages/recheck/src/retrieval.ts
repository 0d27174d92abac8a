import { against, average, effect, exchanges, resampled, uniformStream, type Uniform } from './statistics.js';

interface Place {
  readonly better: number;
  readonly tied: number;
}

/** What is read of a stored retrieval evaluation. */
export interface StoredRetrieval {
  readonly rows: readonly {
    readonly documentId: string;
    readonly explanation: string | null;
    readonly text: string | null;
    readonly gold: string | null;
    readonly bare: string;
    readonly cosine: number;
    readonly margin: number;
    readonly retrieval: Readonly<
      Record<string, Place & { readonly documentBetter: number; readonly documentTied: number; readonly gap: number | null }>
    >;
    readonly similarities: Readonly<Record<string, readonly number[]>>;
    readonly transforms: Readonly<Record<string, readonly { readonly cosine: number; readonly part?: string }[]>>;
  }[];
  readonly summary: { readonly topK: number; readonly documentTopK: number; readonly rho: number };
  readonly provenance: {
    readonly seed: number;
    readonly seedName: string;
    readonly statistics: { readonly bootstrap: number; readonly permutations: number };
  };
}

/**
 * The summary of a retrieval evaluation from its rows: every statistic of every table with its interval; chance, p and z where the rows hold
 * the similarities (those of texts would need the text analysis once more); the costs of transforms; counts of different outputs.
 */
export function recomputeRetrieval({ rows, summary, provenance }: StoredRetrieval) {
  const { seed, seedName, statistics } = provenance;
  const stream = (name: string) => uniformStream(`${seed}|${seedName}.${name}`);
  const documents = rows.map(({ documentId }) => documentId);
  const count = new Set(documents).size;
  const k = { row: summary.topK, document: summary.documentTopK };
  const tables: Record<string, unknown> = {};
  for (const name of Object.keys(rows[0]?.retrieval ?? {})) {
    const similarity = rows.map((row) => row.similarities[name]);
    tables[name] = {
      statistics: table(name, similarity.every((values) => values !== undefined) ? similarity : undefined),
    };
  }

  function table(name: string, similarity: readonly (readonly number[])[] | undefined) {
    const uniform = stream(`table.${name}`);
    const orders = exchanges(documents, uniform, statistics.permutations);
    const scores = similarity === undefined ? undefined : scoresOf(similarity);
    const own = rows.map((row) => {
      const { better = NaN, tied = NaN, documentBetter = NaN, documentTied = NaN, gap = null } = row.retrieval[name] ?? {};
      return all({ better, tied }, { better: documentBetter, tied: documentTied }, gap ?? NaN);
    });
    const found: Record<string, unknown> = {};
    for (const statistic of Object.keys(own[0] ?? {})) {
      const counted = own.flatMap((values, row) => (Number.isFinite(values[statistic]) ? [row] : []));
      if (counted.length === 0) continue;
      const values = counted.map((row) => own[row]?.[statistic] ?? NaN);
      const labels = counted.map((row) => documents[row] ?? '');
      const { value, low, high } = resampled(values, labels, uniform, statistics.bootstrap);
      const others = scores?.[statistic];
      const nulls =
        others === undefined
          ? undefined
          : orders.map((order) => {
              let sum = 0;
              for (const row of counted) sum += others[(order[row] ?? row) * rows.length + row] ?? NaN;
              return sum / counted.length;
            });
      found[statistic] = { value, low, high, n: counted.length, ...(nulls === undefined ? {} : against(value, nulls)) };
    }
    return found;
  }

  function all(row: Place, document: Place, gap: number): Readonly<Record<string, number>> {
    const within = ({ better, tied }: Place, places: number) => Math.min(1, Math.max(0, (places - better) / (tied + 1)));
    const percentile = ({ better, tied }: Place, of: number) => (of - 1 - better - tied / 2) / (of - 1);
    const ranks = Array.from({ length: row.tied + 1 }, (_, place) => 1 / (row.better + 1 + place));
    return {
      top1: within(row, 1),
      topK: within(row, k.row),
      reciprocalRank: average(ranks),
      percentile: percentile(row, rows.length),
      documentTop1: within(document, 1),
      documentTopK: within(document, k.document),
      documentPercentile: percentile(document, count),
      gap,
    };
  }

  /** By statistic: what row `r` would score if text `t` were its own, at `t * rows + r`. */
  function scoresOf(similarity: readonly (readonly number[])[]): Readonly<Record<string, Float64Array>> {
    const scores: Record<string, Float64Array> = {};
    similarity.forEach((values, text) => {
      ofText(values).forEach((found, row) => {
        for (const [statistic, value] of Object.entries(found)) {
          (scores[statistic] ??= new Float64Array(rows.length ** 2))[text * rows.length + row] = value;
        }
      });
    });
    return scores;
  }

  /** What every row would score if the text with these similarities were its own. */
  function ofText(values: readonly number[]): Readonly<Record<string, number>>[] {
    const inDocument = new Map<string, { readonly size: number; readonly best: number; readonly sum: number }>();
    values.forEach((value, row) => {
      const name = documents[row] ?? '';
      const { size = 0, best = -Infinity, sum = 0 } = inDocument.get(name) ?? {};
      inDocument.set(name, { size: size + 1, best: Math.max(best, value), sum: sum + value });
    });
    const ofRows = placesAmong(values);
    const ofDocuments = placesAmong([...inDocument.values()].map(({ best }) => best));
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map((value, row) => {
      const { size = NaN, best = NaN, sum = NaN } = inDocument.get(documents[row] ?? '') ?? {};
      const gap = size < 2 || size === values.length ? NaN : (sum - value) / (size - 1) - (total - sum) / (values.length - size);
      return all(ofRows(value), ofDocuments(best), gap);
    });
  }

  const uniform = stream('bootstrap');
  const interval = (values: readonly number[], labels: readonly string[]) => {
    const { value, low, high } = resampled(values, labels, uniform, statistics.bootstrap);
    return { value, low, high };
  };
  const cosines = rows.map(({ cosine }) => cosine);
  const rawvar = 1 - summary.rho ** 2;
  const cosine = interval(cosines, documents);
  const margin = interval(
    rows.map((row) => row.margin),
    documents,
  );
  const empty = rows.map((row, index) => drop(index, row.transforms['empty'] ?? []));
  const transforms: Record<string, unknown> = {};
  for (const name of Object.keys(rows[0]?.transforms ?? {})) transforms[name] = transform(name, uniform);

  function drop(row: number, variants: readonly { readonly cosine: number }[]): number {
    return variants.length === 0 ? 0 : (cosines[row] ?? NaN) - average(variants.map((variant) => variant.cosine));
  }

  function transform(name: string, draws: Uniform) {
    const lists = rows.map((row) => row.transforms[name] ?? []);
    const applied = lists.flatMap((list, row) => (list.length === 0 ? [] : [row]));
    if (applied.length === 0) return { applied: 0, drop: null, fveDrop: null, ofEmpty: null, parts: {} };
    const { exact: _exact, ...found } = effect(
      applied.map((row) => drop(row, lists[row] ?? [])),
      applied.map((row) => documents[row] ?? ''),
      draws,
      statistics,
    );
    const cost = average(applied.map((row) => empty[row] ?? NaN));
    const parts: Record<string, unknown> = {};
    for (const part of [...new Set(lists.flat().flatMap((variant) => variant.part ?? []))].sort()) {
      const having = lists.flatMap((list, row) => (list.some((variant) => variant.part === part) ? [row] : []));
      parts[part] = {
        n: having.length,
        ...interval(
          having.map((row) =>
            drop(
              row,
              (lists[row] ?? []).filter((variant) => variant.part === part),
            ),
          ),
          having.map((row) => documents[row] ?? ''),
        ),
      };
    }
    return {
      applied: applied.length,
      drop: found,
      fveDrop: (2 * found.value) / rawvar,
      ofEmpty: Math.abs(cost) < 1e-9 ? null : found.value / cost,
      parts,
    };
  }

  return {
    n: rows.length,
    documents: count,
    tables,
    cosine,
    margin,
    fveNrm: 1 - (2 - 2 * average(cosines)) / rawvar,
    diversity: diversity(rows.map(({ explanation }) => explanation ?? '')),
    diversityWithoutTemplate: diversity(rows.map(({ bare }) => bare)),
    template: { emptyWithout: rows.filter(({ bare }) => bare === '').length },
    transforms,
  };
}

/**
 * How many of a list are better than one of them, and how many others are as good. Ties within rounding of the largest of them, as the
 * evaluator counts them: equal here, since these are cosines of vectors.
 */
function placesAmong(list: readonly number[]): (own: number) => Place {
  const sorted = Float64Array.from(list).sort();
  /** How many come before the first that `reached` holds of, and of all after it. */
  const before = (reached: (value: number) => boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const centre = (low + high) >>> 1;
      if (reached(sorted[centre] ?? NaN)) high = centre;
      else low = centre + 1;
    }
    return low;
  };
  return (own) => ({
    better: sorted.length - before((value) => value > own + 1e-12),
    tied: before((value) => value - own > 1e-12) - before((value) => value - own >= -1e-12) - 1,
  });
}

function diversity(texts: readonly string[]) {
  const n = texts.length;
  const byText = new Map<string, number>();
  for (const text of texts) byText.set(text, (byText.get(text) ?? 0) + 1);
  const counts = [...byText.values()];
  const entropy = counts.reduce((sum, count) => sum - (count / n) * Math.log2(count / n), 0);
  return {
    n,
    distinct: counts.length,
    distinctPrefixes30: new Set(texts.map((text) => text.substring(0, 30))).size,
    distinctPrefixes60: new Set(texts.map((text) => text.substring(0, 60))).size,
    entropy,
    evenness: entropy / Math.log2(n),
    mostFrequentShare: Math.max(...counts) / n,
    emptyShare: texts.filter((text) => text === '').length / n,
  };
}
