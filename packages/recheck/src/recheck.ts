import { recomputeCeiling, type StoredCeiling } from './ceiling.js';
import { compareSummaries, type Comparison } from './compare.js';
import { recomputeExperiment, type StoredExperiment } from './experiment.js';
import { recomputeH5, type StoredH5 } from './h5.js';
import { recomputePatching, type StoredPatching } from './patching.js';
import { recomputeRetrieval, type StoredRetrieval } from './retrieval.js';

/** What a stored result was found to be. */
export interface Recheck extends Comparison {
  /** `h5`, `retrieval`, `ceiling`, `patching` or `experiment`. */
  readonly kind: string;
  readonly rows: number;
}

const evaluators: Readonly<Record<string, (stored: never) => unknown>> = {
  h5: (stored: StoredH5) => recomputeH5(stored),
  retrieval: (stored: StoredRetrieval) => recomputeRetrieval(stored),
  ceiling: (stored: StoredCeiling) => recomputeCeiling(stored),
  patching: (stored: StoredPatching) => recomputePatching(stored),
};

/**
 * Computes the summary of a stored evaluation, or the effects of an `experiment.json`, from its rows a second time, and compares.
 * Undefined for a file that is neither, or of an evaluator that is not known here.
 */
export function recheck(stored: unknown): Recheck | undefined {
  if (typeof stored !== 'object' || stored === null || !('rows' in stored) || !Array.isArray(stored.rows)) return undefined;
  const rows = stored.rows.length;
  if ('effects' in stored && Array.isArray(stored.effects)) {
    const { effects, primary } = recomputeExperiment(stored as unknown as StoredExperiment);
    const given = stored as unknown as { readonly effects: readonly { readonly name: string }[]; readonly primary: unknown };
    const byName = (list: readonly { readonly name: string }[]) => Object.fromEntries(list.map((one) => [one.name, one]));
    return {
      kind: 'experiment',
      rows,
      ...compareSummaries({ effects: byName(given.effects), primary: given.primary }, { effects: byName(effects), primary }),
    };
  }
  if (!('evaluator' in stored) || typeof stored.evaluator !== 'string' || !('summary' in stored)) return undefined;
  const kind = stored.evaluator.replace(/^.*evaluator-/, '');
  const recompute = evaluators[kind];
  if (recompute === undefined) return undefined;
  return { kind, rows, ...compareSummaries(stored.summary, recompute(stored as never)) };
}
