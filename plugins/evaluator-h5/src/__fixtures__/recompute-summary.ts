import { createHash } from 'node:crypto';

/**
 * The summary of an H5 evaluation from its stored rows, written a second time and on its own: nothing of nlakit is imported. From the rest
 * of the evaluation it takes what the rows cannot know: baselines and threshold, seed and numbers of draws, form and swaps.
 */
export function recomputeSummary(evaluation: StoredEvaluation): Record<string, unknown> {
  const { rows, provenance } = evaluation;
  const { baselines, threshold } = evaluation.summary;
  const draws = provenance.statistics;
  const names = Object.keys(rows[0]?.cosines ?? {});
  const form = new RegExp(`^${provenance.form.split('.').join('\\.').replace(/\{(\w+)\}/g, '(?<$1>.*?)')}$`, 's');
  const fieldsOf = (text: string | null) => form.exec(text ?? '')?.groups;

  const resampled = (values: readonly number[], documents: readonly string[], uniform: () => number) => {
    const groups = grouped(values, documents);
    const replicates: number[] = [];
    for (let time = 0; time < draws.bootstrap; time++) {
      const drawn = groups.map(() => groups[Math.floor(uniform() * groups.length)] ?? []).flat();
      replicates.push(average(drawn));
    }
    const own = average(values);
    const jackknife = groups.map((_, left) => average(groups.filter((_group, index) => index !== left).flat()));
    replicates.sort((a, b) => a - b);
    return {
      value: own,
      low: quantileAt(replicates, 0.025),
      high: quantileAt(replicates, 0.975),
      bca: accelerated(replicates, own, jackknife),
    };
  };
  const difference = (first: string, second: string) => {
    const both = rows.filter((row) => typeof row.cosines[first] === 'number' && typeof row.cosines[second] === 'number');
    const values = both.map((row) => (row.cosines[first] ?? NaN) - (row.cosines[second] ?? NaN));
    const documents = both.map((row) => row.documentId);
    const uniform = uniformStream(`${draws.seed}|${draws.seedName}.difference.${first}.${second}`);
    const interval = resampled(values, documents, uniform);
    const sums = grouped(values, documents).map((group) => group.reduce((a, b) => a + b, 0));
    const exact = 2 ** sums.length <= draws.permutations;
    const observed = Math.abs(sums.reduce((a, b) => a + b, 0)) - 1e-12 * sums.reduce((a, b) => a + Math.abs(b), 0);
    let hits = exact ? 0 : 1;
    const times = exact ? 2 ** sums.length : draws.permutations;
    for (let time = 0; time < times; time++) {
      const total = sums.reduce((a, b, index) => a + ((exact ? Math.floor(time / 2 ** index) % 2 === 1 : uniform() < 0.5) ? -b : b), 0);
      if (Math.abs(total) >= observed) hits++;
    }
    const sd = deviation(values);
    const centre = average(values);
    return {
      ...interval,
      n: values.length,
      sd,
      p: hits / (exact ? times : times + 1),
      exact,
      dZ: centre === 0 ? 0 : sd < 1e-14 ? null : centre / sd,
    };
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
          median: quantileAt(
            values.slice().sort((a, b) => a - b),
            0.5,
          ),
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
    baselines: { ...baselines, rawvar: 1 - baselines.rho ** 2, meannorm: 2 - 2 * baselines.rho, constantFveNrm: 1 - 2 / (1 + baselines.rho) },
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
export interface StoredEvaluation {
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
  // Each adjusted p is the largest of (tests with a p at least as large) x p over the p values up to it.
  return Object.fromEntries(
    tested.map(({ name, p }) => [
      name,
      {
        p,
        pHolm: Math.min(
          1,
          Math.max(...tested.filter((other) => other.p <= p).map((other) => tested.filter(({ p: third }) => third >= other.p).length * other.p)),
        ),
      },
    ]),
  );
}

function grouped(values: readonly number[], labels: readonly string[]): number[][] {
  return [...new Set(labels)].map((label) => values.filter((_, index) => labels[index] === label));
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[]): number {
  const centre = average(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) * (value - centre), 0) / (values.length - 1));
}

function quantileAt(sorted: readonly number[], probability: number): number {
  const place = probability * (sorted.length - 1);
  const [low = NaN, high = low] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
  return low * (1 - (place - Math.floor(place))) + high * (place - Math.floor(place));
}

function accelerated(replicates: readonly number[], own: number, jackknife: readonly number[]) {
  const slack = 1e-12 * Math.abs(own);
  const below = replicates.filter((value) => value < own - slack).length;
  const level = replicates.filter((value) => Math.abs(value - own) <= slack).length;
  const count = replicates.length;
  const z0 = normalAt(Math.max(0.5, Math.min(count - 0.5, below + level / 2)) / count);
  const centre = average(jackknife);
  const squares = jackknife.reduce((sum, value) => sum + (centre - value) ** 2, 0);
  const a = squares === 0 ? 0 : jackknife.reduce((sum, value) => sum + (centre - value) ** 3, 0) / 6 / squares ** 1.5;
  const end = (z: number) => quantileAt(replicates, normalBelow(z0 + (z0 + z) / (1 - a * (z0 + z))));
  return { low: end(normalAt(0.025)), high: end(normalAt(0.975)) };
}

/** Normal distribution function by its Taylor series about 0. */
function normalBelow(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

function normalAt(probability: number): number {
  let [low, high] = [-8, 8];
  for (let halving = 0; halving < 100; halving++) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function scored(hits: number, trials: number) {
  const z = normalAt(0.975);
  const share = hits / trials;
  const half = (z * Math.sqrt(trials * share * (1 - share) + (z * z) / 4)) / (trials + z * z);
  const centre = (hits + (z * z) / 2) / (trials + z * z);
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** xoshiro128** (Blackman and Vigna 2018), seeded with the first 16 bytes of sha256; 53 bits of two outputs for one uniform number. */
function uniformStream(name: string): () => number {
  const words = new Uint32Array(4);
  const digest = createHash('sha256').update(name).digest();
  for (let index = 0; index < 4; index++) words[index] = digest.readUInt32LE(4 * index);
  const rotate = (value: number, bits: number) => ((value << bits) | (value >>> (32 - bits))) >>> 0;
  const next = () => {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = words;
    const result = Math.imul(rotate(Math.imul(s1, 5) >>> 0, 7), 9) >>> 0;
    words[2] = s2 ^ s0;
    words[3] = s3 ^ s1;
    words[1] = s1 ^ s2 ^ s0;
    words[0] = s0 ^ s3 ^ s1;
    words[2] = s2 ^ s0 ^ (s1 << 9);
    words[3] = rotate((s3 ^ s1) >>> 0, 11);
    return result;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
