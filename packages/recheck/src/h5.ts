import {
  average,
  deviation,
  effect,
  middle,
  quantileAt,
  resampled as drawn,
  scored,
  stepDown as adjusted,
  uniformStream,
} from './statistics.js';

/**
 * The summary of an H5 evaluation from its stored rows. From the rest
 * of the evaluation it takes what the rows cannot know: baselines and threshold, seed and numbers of draws, form and swaps.
 */
export function recomputeH5(evaluation: StoredH5): Record<string, unknown> {
  const { rows, provenance } = evaluation;
  const { baselines, threshold } = evaluation.summary;
  const draws = provenance.statistics;
  const names = Object.keys(rows[0]?.cosines ?? {});
  const form = new RegExp(
    `^${provenance.form
      .split('.')
      .join('\\.')
      .replace(/\{(\w+)\}/g, '(?<$1>.*?)')}$`,
    's',
  );
  const fieldsOf = (text: string | null) => form.exec(text ?? '')?.groups;

  const resampled = (values: readonly number[], documents: readonly string[], uniform: () => number) =>
    drawn(values, documents, uniform, draws.bootstrap);
  const difference = (first: string, second: string) => {
    const both = rows.filter((row) => typeof row.cosines[first] === 'number' && typeof row.cosines[second] === 'number');
    const values = both.map((row) => (row.cosines[first] ?? NaN) - (row.cosines[second] ?? NaN));
    const documents = both.map((row) => row.documentId);
    const uniform = uniformStream(`${draws.seed}|${draws.seedName}.difference.${first}.${second}`);
    return effect(values, documents, uniform, draws);
  };
  const explained = (values: readonly number[], error: number) => 1 - average(values.map((value) => 2 - 2 * value)) / error;
  const conditions = Object.fromEntries(
    names.map((name) => {
      const some = rows.filter((row) => typeof row.cosines[name] === 'number');
      const values = some.map((row) => row.cosines[name] ?? NaN);
      const uniform = uniformStream(`${draws.seed}|${draws.seedName}.condition.${name}`);
      return [
        name,
        {
          n: values.length,
          cosine: resampled(
            values,
            some.map((row) => row.documentId),
            uniform,
          ),
          median: middle(values),
          sd: deviation(values),
          fveNrm: explained(values, 1 - baselines.rho ** 2),
          fveMeannorm: explained(values, 2 - 2 * baselines.rho),
          constantFveNrm: explained(
            some.map((row) => row.cosines.MEAN ?? NaN),
            1 - baselines.rho ** 2,
          ),
          shareAbove: values.filter((value) => value > threshold).length / values.length,
        },
      ];
    }),
  );
  const against = (first: string, seconds: readonly string[]) =>
    Object.fromEntries(seconds.map((second) => [second, difference(first, second)]));
  const differences = against(
    'AV_OUT',
    names.filter((name) => name !== 'AV_OUT' && !name.startsWith('GOLD_')),
  );
  const goldDifferences = against(
    'GOLD',
    names.filter((name) => name.startsWith('GOLD_')),
  );
  const above = (found: { readonly low: number } | undefined) => (found === undefined ? null : found.low > 0);
  const share = (count: number) => count / rows.length;
  const given = rows.map((row) => row.explanation ?? '');
  const ranked = rows.filter((row) => row.retrievalRank === 1).length;
  return {
    n: rows.length,
    documents: new Set(rows.map((row) => row.documentId)).size,
    baselines: {
      ...baselines,
      rawvar: 1 - baselines.rho ** 2,
      meannorm: 2 - 2 * baselines.rho,
      constantFveNrm: 1 - 2 / (1 + baselines.rho),
    },
    threshold,
    conditions,
    differences,
    goldDifferences,
    primary: 'SHUFFLED',
    family: stepDown(differences),
    checks: {
      AV_READS_VECTOR: above(differences.SHUFFLED),
      AV_SAYS_MORE_THAN_TOKEN: above(differences.SHUFFLED_SAME_TOKEN),
      AR_READS_TEXT: above(goldDifferences.GOLD_SHUFFLED),
      BEATS_CONSTANT: above(differences.MEAN),
    },
    outputs: {
      extractionRate: share(rows.filter((row) => row.explanation !== null).length),
      empty: given.filter((text) => text === '').length,
      emptyRate: share(given.filter((text) => text === '').length),
      stoppedRate: share(rows.filter((row) => row.stopped).length),
      uniqueTexts: new Set(given).size,
      uniquePrefixes60: new Set(given.map((text) => text.substring(0, 60))).size,
      cjkRate: share(rows.filter((row) => /[\u3000-\u9fff]/.test(row.output)).length),
      meanTokens: average(rows.map((row) => row.tokens)),
    },
    fieldAccuracy: Object.fromEntries(
      [...provenance.form.matchAll(/\{(\w+)\}/g)].flatMap(([, field = '']) => {
        const stated = rows.filter((row) => row.fields?.[field] !== undefined);
        if (stated.length === 0) return [];
        return [[field, scored(stated.filter((row) => fieldsOf(row.explanation)?.[field] === row.fields?.[field]).length, stated.length)]];
      }),
    ),
    retrieval: (() => {
      const { value, low, high } = scored(ranked, rows.length);
      return {
        accuracy: value,
        low,
        high,
        chance: 1 / rows.length,
        meanRank: average(rows.map((row) => row.retrievalRank)),
        margin: average(rows.map((row) => (row.cosines.AV_OUT ?? NaN) - row.offDiagonal)),
      };
    })(),
    unswapped: Object.fromEntries(
      names
        .filter((name) => /^(GOLD_)?SWAP_/.test(name))
        .map((name) => [name, rows.filter((row) => fieldsOf(name.startsWith('GOLD_') ? row.gold : row.explanation) === undefined).length]),
    ),
    withoutPartner: names.includes('SHUFFLED_SAME_TOKEN')
      ? { SHUFFLED_SAME_TOKEN: rows.filter((row) => row.shuffledSameTokenFrom === null).length }
      : {},
    controlTexts: { TEMPLATE: rows[0]?.texts.TEMPLATE, ZERO_INJECTION: rows[0]?.texts.ZERO_INJECTION },
    published: provenance.dialect === 'solshine' ? published(rows, threshold) : null,
  };
}

/** What is read of a stored evaluation. */
export interface StoredH5 {
  readonly rows: readonly Row[];
  readonly summary: {
    readonly baselines: { readonly rho: number; readonly n: number; readonly sourceHash: string };
    readonly threshold: number;
  };
  readonly provenance: {
    readonly statistics: { readonly seed: number; readonly seedName: string; readonly bootstrap: number; readonly permutations: number };
    readonly form: string;
    readonly dialect: string;
  };
}

interface Row {
  readonly documentId: string;
  readonly explanation: string | null;
  readonly gold: string | null;
  readonly output: string;
  readonly tokens: number;
  readonly stopped: boolean;
  readonly fields: Readonly<Record<string, string>> | null;
  readonly shuffledSameTokenFrom: string | null;
  readonly texts: Readonly<Record<string, string>>;
  readonly cosines: Readonly<Record<string, number | null>>;
  readonly retrievalRank: number;
  readonly offDiagonal: number;
}

function published(all: readonly Row[], threshold: number) {
  const rows = all.filter((row) => row.output.trim().length > 0);
  const column = (name: string) => rows.map((row) => row.cosines[name] ?? NaN);
  const minus = (name: string) => {
    const values = rows.map((row) => (row.cosines.AV_OUT ?? NaN) - (row.cosines[name] ?? NaN));
    return { mean: average(values), sd: deviation(values) };
  };
  const four = ['AV_OUT', 'EMPTY', 'RANDOM', 'GIBBER'];
  return {
    n: rows.length,
    dropped: all.length - rows.length,
    conditions: Object.fromEntries(
      four.map((name) => {
        const values = column(name).sort((a, b) => a - b);
        return [
          name,
          {
            mean: average(values),
            sd: deviation(values),
            median: quantileAt(values, 0.5),
            above: values.filter((value) => value > threshold).length,
          },
        ];
      }),
    ),
    differences: { EMPTY: minus('EMPTY'), GIBBER: minus('GIBBER') },
    withinRowRange: average(
      rows.map((row) => {
        const values = four.map((name) => row.cosines[name] ?? NaN).sort((a, b) => a - b);
        return (values[3] ?? NaN) - (values[0] ?? NaN);
      }),
    ),
  };
}

function stepDown(differences: Readonly<Record<string, { readonly p: number } | undefined>>) {
  const tested = ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY'].flatMap((name) => {
    const p = differences[name]?.p;
    return p === undefined ? [] : [{ name, p }];
  });
  const ps = adjusted(tested.map(({ p }) => p));
  return Object.fromEntries(tested.map(({ name, p }, index) => [name, { p, pHolm: ps[index] }]));
}
