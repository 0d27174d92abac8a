import type { Estimate, Figures, JsonValue } from '@nlakit/core';
import { alignColumns } from './align-columns.js';

interface Result {
  /** Id of the evaluator in the config. */
  readonly id: string;
  readonly step: number;
  readonly rows: readonly unknown[];
  readonly summary: Readonly<Record<string, JsonValue>>;
  readonly headline: Figures;
}

const conditions = ['AV_OUT', 'GOLD', 'SHUFFLED', 'EMPTY', 'MEAN'] as const;

/**
 * Evaluations as aligned text, one block an evaluator. One that compares conditions gets a row a step: mean cosines, fve_nrm and the
 * difference to SHUFFLED with its interval; any other a row for each of its headline figures and a column a step.
 */
export function resultTable(results: readonly Result[]): string {
  return [...new Set(results.map(({ id }) => id))]
    .map((id) => {
      const own = results.filter((result) => result.id === id).sort((a, b) => a.step - b.step);
      return own.every((result) => cosineOf(result, 'AV_OUT') !== undefined) ? conditionRows(id, own) : headlineRows(id, own);
    })
    .join('\n\n');
}

function conditionRows(id: string, results: readonly Result[]): string {
  const shown = conditions.filter((name) => results.some((result) => cosineOf(result, name) !== undefined));
  const table = alignColumns([
    ['step', 'rows', ...shown, 'fve_nrm', 'AV_OUT − SHUFFLED [95 %]'],
    ...results.map((result) => {
      const difference = estimate(at(result.summary, 'differences', 'SHUFFLED'));
      const fve = at(result.summary, 'conditions', 'AV_OUT', 'fveNrm');
      return [
        String(result.step),
        String(result.rows.length),
        ...shown.map((name) => cosineOf(result, name)?.toFixed(3) ?? ''),
        typeof fve === 'number' ? fve.toFixed(3) : '',
        difference === undefined ? '' : `${signed(difference.value)} [${signed(difference.low)}, ${signed(difference.high)}]`,
      ];
    }),
  ]);
  return `${id}: mean cosine of reconstruction and activation\n${table}`;
}

function headlineRows(id: string, results: readonly Result[]): string {
  const names = [...new Set(results.flatMap(({ headline }) => Object.keys(headline)))];
  return alignColumns(
    [
      [`${id}, step`, ...results.map(({ step }) => String(step))],
      ...names.map((name) => [`  ${name}`, ...results.map(({ headline }) => formatFigure(headline[name]))]),
    ],
    1,
  );
}

function cosineOf({ summary }: Result, condition: string): number | undefined {
  return estimate(at(summary, 'conditions', condition, 'cosine'))?.value;
}

function estimate(value: JsonValue | undefined): Estimate | undefined {
  const [centre, low, high] = [at(value, 'value'), at(value, 'low'), at(value, 'high')];
  return typeof centre === 'number' && typeof low === 'number' && typeof high === 'number' ? { value: centre, low, high } : undefined;
}

function at(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(
    (current, key) =>
      typeof current === 'object' && current !== null && !Array.isArray(current)
        ? (current as Readonly<Record<string, JsonValue>>)[key]
        : undefined,
    value,
  );
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
}

function formatFigure(value: number | undefined): string {
  if (value === undefined) return '';
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
