import { NlaError, type NlaContract, type NlaRow, type Warning } from '@nlakit/core';
import { contractDifferences } from '@nlakit/sidecar';

/** Differences between AV and AR that make any comparison meaningless. */
const fatalDifferences = ['baseModel', 'dModel', 'layer', 'mseScale', 'templates.ar'];

/**
 * AV, AR and rows must be about the same vectors, or `E_EVALUATION_PAIR`. Smaller differences between the two contracts are told in a
 * warning.
 */
export function checkPair(verbalizer: NlaContract, reconstructor: NlaContract, rows: readonly NlaRow[]): Warning[] {
  const differences = contractDifferences(verbalizer, reconstructor);
  const fatal = differences.filter((name) => fatalDifferences.includes(name));
  const width = rows[0]?.vector.length;
  if (width !== undefined && width !== verbalizer.dModel) fatal.push('the width of the rows');
  if (fatal.length > 0) {
    throw new NlaError('E_EVALUATION_PAIR', {
      message: 'Verbalizer, reconstructor and data do not belong together.',
      found: `different: ${fatal.join(', ')}`,
      expected: 'one base model, one layer, one AR template',
      fix: 'Evaluate with the reconstructor that was trained for this layer and model.',
      kind: 'input',
    });
  }
  if (differences.length === 0) return [];
  return [{ code: 'W_EVALUATION_PAIR', message: `The sidecars of AV and AR differ in ${differences.join(', ')}.` }];
}
