import { average, effect, middle, resampled, resampledStatistic, scored, uniformStream } from './statistics.js';

/** What is read of a stored patching evaluation. */
export interface StoredPatching {
  readonly rows: readonly {
    readonly documentId: string;
    readonly cosine: number;
    readonly divergence: Readonly<Record<string, number>>;
    readonly sameToken: Readonly<Record<string, boolean>>;
  }[];
  readonly provenance: {
    readonly seed: number;
    readonly seedName: string;
    readonly statistics: { readonly bootstrap: number; readonly permutations: number };
  };
}

/** The summary of a patching evaluation from its rows. One stream serves all draws, in the order of the summary. */
export function recomputePatching({ rows, provenance }: StoredPatching) {
  const { seed, seedName, statistics } = provenance;
  const uniform = uniformStream(`${seed}|${seedName}.statistics`);
  const documents = rows.map(({ documentId }) => documentId);
  const names = Object.keys(rows[0]?.divergence ?? {});
  const column = (name: string) => rows.map(({ divergence }) => divergence[name] ?? NaN);
  const plain = ({ value, low, high }: { readonly value: number; readonly low: number; readonly high: number }) => ({ value, low, high });
  const constant = column('MEAN');
  const patched: Record<string, unknown> = {};
  for (const name of names) {
    const values = column(name);
    const divergence = plain(resampled(values, documents, uniform, statistics.bootstrap));
    const kept = ([mean = NaN, ofConstant = NaN]: readonly number[]) => 1 - mean / Math.max(ofConstant, 1e-6);
    patched[name] = {
      n: rows.length,
      divergence,
      median: middle(values),
      sameToken: plain(scored(rows.filter(({ sameToken }) => sameToken[name] === true).length, rows.length)),
      recovered:
        average(constant) < 1e-6 ? null : plain(resampledStatistic(kept, [values, constant], documents, uniform, statistics.bootstrap)),
    };
  }
  const own = column('AV_OUT');
  const saved: Record<string, unknown> = {};
  for (const name of names.filter((other) => other !== 'AV_OUT' && other !== 'ORIGINAL')) {
    const differences = column(name).map((value, row) => value - (own[row] ?? NaN));
    const { exact: _exact, ...found } = effect(differences, documents, uniform, statistics);
    saved[name] = found;
  }
  return {
    n: rows.length,
    documents: new Set(documents).size,
    patched,
    saved,
    primary: 'SHUFFLED',
    cosine: plain(
      resampled(
        rows.map(({ cosine }) => cosine),
        documents,
        uniform,
        statistics.bootstrap,
      ),
    ),
  };
}
