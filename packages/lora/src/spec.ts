import { NlaError, type LoraSpec } from '@nlakit/core';

/** Factor of the adapter's term: `alpha / rank`, or `alpha / sqrt(rank)` if rank-stabilised (Kalajdzievski, 2023). */
export function scaleOf(spec: Pick<LoraSpec, 'rank' | 'alpha' | 'rankStabilized'>): number {
  return spec.alpha / (spec.rankStabilized ? Math.sqrt(spec.rank) : spec.rank);
}

/** Throws `E_LORA_SPEC` if rank, alpha or dropout cannot be used. */
export function checkSpec(spec: Pick<LoraSpec, 'rank' | 'alpha' | 'dropout'>, file?: string): void {
  const need = (valid: boolean, name: string, found: unknown, expected: string): void => {
    if (valid) return;
    throw new NlaError('E_LORA_SPEC', {
      message: `The adapter's ${name} is unusable.`,
      found: JSON.stringify(found) ?? 'nothing',
      expected,
      kind: 'input',
      ...(file === undefined ? {} : { file }),
    });
  };
  need(Number.isSafeInteger(spec.rank) && spec.rank > 0, 'rank', spec.rank, 'a positive whole number');
  need(Number.isFinite(spec.alpha) && spec.alpha > 0, 'alpha', spec.alpha, 'a positive number');
  need(spec.dropout >= 0 && spec.dropout < 1, 'dropout', spec.dropout, 'a number from 0 to below 1');
}
