import type { Plugin, PluginKind } from '@nlakit/core';
import type { FixturesOf } from '../fixtures.js';
import { runConformance } from '../run-conformance.js';
import { mutantsOf } from './mutants-of.js';

/** What became of one mutant. */
export interface MutantResult {
  readonly mutant: string;
  readonly caughtBy: string;
  /** `caught`: its case failed. `survived`: its case passed. `skipped`: its case does not run for this plugin or these fixtures. */
  readonly outcome: 'caught' | 'survived' | 'skipped';
  /** What its case said. */
  readonly reason?: string;
}

/**
 * Makes a plugin that is right wrong in every way its kind's mutants know, and runs the case that must notice. A mutant that survives says
 * that the fixtures leave something untested, or that the suite does.
 */
export async function runMutants<Kind extends PluginKind>(plugin: Plugin<Kind>, fixtures: FixturesOf<Kind>): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  for (const { name, caughtBy, of } of mutantsOf(plugin.kind)) {
    const { cases } = await runConformance(of(plugin), fixtures, { only: [caughtBy] });
    const [result] = cases;
    const outcome = result?.outcome === 'failed' ? 'caught' : result?.outcome === 'passed' ? 'survived' : 'skipped';
    results.push({ mutant: name, caughtBy, outcome, ...(result?.reason === undefined ? {} : { reason: result.reason }) });
  }
  return results;
}
