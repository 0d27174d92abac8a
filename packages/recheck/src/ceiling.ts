import { against, average, effect, exchanges, resampled, resampledStatistic, uniformStream } from './statistics.js';

type BySpace<Value> = Readonly<Record<string, Value>>;

interface Decoded {
  readonly class: string | null;
  readonly transfer: BySpace<string | null>;
  readonly refit: BySpace<string | null>;
  readonly neighbours: BySpace<number | null>;
}

interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
  readonly chance?: number;
  readonly p?: number;
  readonly z?: number | null;
}

/** What is read of a stored ceiling evaluation. */
export interface StoredCeiling {
  readonly rows: readonly {
    readonly documentId: string;
    readonly cosine: number;
    readonly decoded: Readonly<Record<string, Decoded>>;
    readonly sameDocument: BySpace<number | null>;
  }[];
  readonly summary: {
    readonly fields: Readonly<Record<string, { readonly classes: readonly string[] } & Readonly<Record<Way, StoredDecoding>>>>;
    readonly sameDocument: StoredDecoding | null;
  };
  readonly provenance: {
    readonly seed: number;
    readonly seedName: string;
    readonly statistics: { readonly bootstrap: number; readonly permutations: number };
  };
}

type Way = 'transfer' | 'refit' | 'neighbours';
interface StoredDecoding {
  readonly spaces: BySpace<{ readonly chance: number; readonly p: number }>;
}

/**
 * The summary of a ceiling evaluation from its rows. What neighbours would find under other labels is not in the rows, so chance, p and z
 * of neighbours are taken as given where something else needs them, and not computed. One stream serves all draws, in this order.
 */
export function recomputeCeiling({ rows, summary, provenance }: StoredCeiling) {
  const { seed, seedName, statistics } = provenance;
  const uniform = uniformStream(`${seed}|${seedName}.statistics`);
  const documents = rows.map(({ documentId }) => documentId);
  const orders = exchanges(documents, uniform, statistics.permutations);
  const cosine = resampled(
    rows.map((row) => row.cosine),
    documents,
    uniform,
    statistics.bootstrap,
  );

  /** `scores[space]`: of the rows that count. `nulls` computes what a space's share is when labels change places, if the rows tell. */
  const decoding = (
    scores: BySpace<readonly number[]>,
    labels: readonly string[],
    given: StoredDecoding,
    nulls?: (space: string) => readonly number[],
  ) => {
    const spaces: Record<string, Share> = {};
    for (const [space, own] of Object.entries(scores)) {
      const { value, low, high } = resampled(own, labels, uniform, statistics.bootstrap);
      spaces[space] = { value, low, high, n: own.length, ...(nulls === undefined ? {} : against(value, nulls(space))) };
    }
    const [raw = [], said = []] = [scores['RAW'], scores['AV_OUT']];
    const { exact: _exact, ...lost } = effect(
      raw.map((value, row) => value - (said[row] ?? NaN)),
      labels,
      uniform,
      statistics,
    );
    const [ofRaw, ofSaid] = [
      { ...given.spaces['RAW'], ...spaces['RAW'] },
      { ...given.spaces['AV_OUT'], ...spaces['AV_OUT'] },
    ];
    const [base = NaN, saidBase = NaN] = [ofRaw.chance, ofSaid.chance];
    if ((ofRaw.p ?? 1) > 0.05 || (ofRaw.low ?? NaN) <= base) return { spaces, lost, survives: null };
    const share = ([rawMean = NaN, saidMean = NaN]: readonly number[], drawn: number) =>
      (saidMean - saidBase) / Math.max(rawMean - base, 1 / drawn);
    const { value, low, high } = resampledStatistic(share, [raw, said], labels, uniform, statistics.bootstrap);
    return { spaces, lost, survives: { value, low, high } };
  };

  const fields: Record<string, unknown> = {};
  for (const [field, stored] of Object.entries(summary.fields)) {
    const all = rows.map(({ decoded }) => decoded[field]);
    const counted = all.flatMap((row, index) => (row?.class == null ? [] : [index]));
    const classes = counted.map((index) => all[index]?.class ?? '');
    const labels = counted.map((index) => documents[index] ?? '');
    const permuted = orders.map((order) => [...order].filter((row) => all[row]?.class != null).map((row) => all[row]?.class ?? ''));
    const predictions = (way: 'transfer' | 'refit', space: string) => counted.map((index) => all[index]?.[way][space] ?? null);
    const right = (found: readonly (string | null)[], wanted: readonly string[]) =>
      found.map((name, row) => (name === wanted[row] ? 1 : 0));
    const probe = (way: 'transfer' | 'refit') => {
      const names = Object.keys(all[0]?.[way] ?? {});
      return decoding(
        Object.fromEntries(names.map((space) => [space, right(predictions(way, space), classes)])),
        labels,
        stored[way],
        (space) => permuted.map((wanted) => average(right(predictions(way, space), wanted))),
      );
    };
    const transfer = probe('transfer');
    const refit = probe('refit');
    const near = Object.keys(all[0]?.neighbours ?? {});
    fields[field] = {
      classes: stored.classes,
      majority: average(classes.map((name) => (name === stored.classes[0] ? 1 : 0))),
      transfer,
      refit,
      neighbours: decoding(
        Object.fromEntries(near.map((space) => [space, counted.map((index) => all[index]?.neighbours[space] ?? NaN)])),
        labels,
        stored.neighbours,
      ),
    };
  }
  let sameDocument = null;
  if (summary.sameDocument !== null) {
    const singles = rows.map((_, row) => String(row));
    // Drawn for what is not computed here, so that what follows meets the same numbers.
    exchanges(singles, uniform, statistics.permutations);
    const counted = rows.flatMap(({ documentId }, index) => (documents.filter((other) => other === documentId).length > 1 ? [index] : []));
    const near = Object.keys(rows[0]?.sameDocument ?? {});
    sameDocument = decoding(
      Object.fromEntries(near.map((space) => [space, counted.map((index) => rows[index]?.sameDocument[space] ?? NaN)])),
      counted.map((index) => documents[index] ?? ''),
      summary.sameDocument,
    );
  }
  return {
    n: rows.length,
    documents: new Set(documents).size,
    cosine: { value: cosine.value, low: cosine.low, high: cosine.high },
    fields,
    sameDocument,
  };
}
