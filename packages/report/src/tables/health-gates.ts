import type { ReportData } from '../report-data.js';

/** One thing that has to hold of a trained checkpoint, whatever its cosines are. */
export interface HealthGate {
  readonly name: string;
  readonly meaning: string;
  /** Undefined where it was not measured. */
  readonly passed: boolean | undefined;
}

/**
 * What the last save of the AV shows about its health: the adapter has an effect, the vector helps, outputs are not empty, and not all
 * the same.
 */
export function healthGates({ facts }: ReportData): readonly HealthGate[] {
  const last = facts.health.filter(({ role }) => role === 'av').at(-1)?.figures;
  const reconstructor = facts.health.filter(({ role }) => role === 'ar').at(-1)?.figures;
  if (last === undefined && reconstructor === undefined) return [];
  const gate = (name: string, meaning: string, value: number | undefined, holds: (value: number) => boolean): HealthGate => ({
    name,
    meaning,
    passed: value === undefined ? undefined : holds(value),
  });
  const unique = Object.entries(last ?? {}).find(([name]) => /^(unique|distinct)/i.test(name))?.[1];
  return [
    gate(
      'AV_ADAPTER_CHANGES_OUTPUT',
      'the output with the adapter differs from the output without it',
      last?.['adapterEffect'],
      (value) => value > 0,
    ),
    gate('AR_ADAPTER_CHANGES_OUTPUT', 'the same of the reconstructor', reconstructor?.['adapterEffect'], (value) => value > 0),
    gate('VECTOR_HELPS', "held-out loss rises when rows get each other's vectors", last?.['vectorGap'], (value) => value > 0),
    gate(
      'OUTPUTS_HOLD_TEXT',
      'no greedy output of the health rows is empty or cannot be parsed',
      last?.['emptyOutputs'],
      (value) => value === 0,
    ),
    gate('OUTPUTS_DIFFER', 'the greedy outputs of the health rows are not all the same', unique, (value) => value > 1),
  ];
}
