import type { JsonValue, Scale } from '@nlakit/core';
import { z } from 'zod';
import type { InjectionRecord } from './record-injections.js';
import { storedRowSchema } from './stored-row.js';
import type { StoredRow } from './stored-row.js';

/**
 * What an H5 evaluation must hold to be one, whoever wrote it:
 * - `EVERY_ROW`: the rows are those that were to be measured, each once, in their order, whatever the AV said about them.
 * - `EMPTY_COUNTS`: an output without explanation is read as the empty text and counts in n.
 * - `OWN_TEXT`: AV_OUT is the row's own output, GOLD its own label.
 * - `OTHER_DOCUMENT`: SHUFFLED is the output of the row it names, of another document, and each output is used once; SHUFFLED_SAME_TOKEN
 *   likewise of a row of another document that was read at the same token.
 * - `HELD_OUT`: no row is of a document that was trained on.
 * - `SIDECAR_SCALE`: vectors were injected, with the scale of the checkpoint's sidecar and with that norm.
 * - `SUMMARY_OF_ROWS`: means and paired differences of the summary are those of the rows.
 */
export const INTEGRITY_CHECKS = [
  'EVERY_ROW',
  'EMPTY_COUNTS',
  'OWN_TEXT',
  'OTHER_DOCUMENT',
  'HELD_OUT',
  'SIDECAR_SCALE',
  'SUMMARY_OF_ROWS',
] as const;

/** See {@link INTEGRITY_CHECKS}. */
export type IntegrityCheck = (typeof INTEGRITY_CHECKS)[number];

/** What is known besides the evaluation. */
export interface EvaluationFacts {
  /** Ids of the rows that were to be measured. */
  readonly ids: readonly string[];
  readonly trainedDocuments: ReadonlySet<string>;
  /** Of the checkpoint's sidecar. */
  readonly injectionScale: Scale;
  readonly injections: InjectionRecord;
  /** The whole output is what the AR was given, not the explanation in it. */
  readonly wholeOutput: boolean;
}

/** A check that failed, with what was found. */
export interface FailedCheck {
  readonly check: IntegrityCheck;
  readonly found: string;
}

const meansSchema = z.object({
  n: z.number(),
  conditions: z.record(z.string(), z.object({ n: z.number(), cosine: z.object({ value: z.number() }) })),
  differences: z.record(z.string(), z.object({ n: z.number(), value: z.number() })),
});

/** The integrity checks that an evaluation fails; none if all is well. It looks at rows and summary as they are stored. */
export function failedChecks(
  evaluation: { readonly rows: readonly Readonly<Record<string, JsonValue>>[]; readonly summary: Readonly<Record<string, JsonValue>> },
  facts: EvaluationFacts,
): FailedCheck[] {
  const rows = z.array(storedRowSchema).parse(evaluation.rows);
  const means = meansSchema.parse(evaluation.summary);
  const given = (row: StoredRow) => (facts.wholeOutput ? row.output.trim() : (row.explanation ?? ''));
  const found: Record<IntegrityCheck, string | undefined> = {
    EVERY_ROW: everyRow(rows, means, facts.ids),
    EMPTY_COUNTS: first(rows, (row) => given(row) === '' && row.cosines.AV_OUT !== row.cosines.EMPTY),
    OWN_TEXT: first(rows, (row) => row.texts.AV_OUT !== given(row) || (row.gold !== null && (row.texts.GOLD ?? row.gold) !== row.gold)),
    OTHER_DOCUMENT: otherDocument(rows),
    HELD_OUT: first(rows, (row) => facts.trainedDocuments.has(row.documentId)),
    SIDECAR_SCALE: sidecarScale(facts),
    SUMMARY_OF_ROWS: summaryOfRows(rows, means),
  };
  return INTEGRITY_CHECKS.flatMap((check) => {
    const what = found[check];
    return what === undefined ? [] : [{ check, found: what }];
  });
}

function first(rows: readonly StoredRow[], wrong: (row: StoredRow) => boolean): string | undefined {
  const all = rows.filter(wrong);
  return all.length === 0 ? undefined : `${all.length} rows, for instance ${all[0]?.id ?? ''}`;
}

function everyRow(rows: readonly StoredRow[], means: z.output<typeof meansSchema>, ids: readonly string[]): string | undefined {
  if (rows.length !== ids.length || rows.some(({ id }, index) => id !== ids[index])) return `${rows.length} of ${ids.length} rows`;
  if (means.n !== ids.length) return `n ${means.n} for ${ids.length} rows`;
  const short = Object.entries(means.conditions).find(([name, { n }]) => n !== ids.length && name !== 'SHUFFLED_SAME_TOKEN');
  return short === undefined ? undefined : `${short[0]} over ${short[1].n} of ${ids.length} rows`;
}

function otherDocument(rows: readonly StoredRow[]): string | undefined {
  const byId = new Map(rows.map((row) => [row.id, row]));
  if (new Set(rows.map(({ shuffledFrom }) => shuffledFrom)).size < rows.length) return 'some outputs used twice in SHUFFLED';
  const isOf = (row: StoredRow, id: string | null, condition: string) => {
    const other = byId.get(id ?? '');
    return other !== undefined && other.documentId !== row.documentId && row.texts[condition] === other.texts.AV_OUT;
  };
  return first(
    rows,
    (row) =>
      !isOf(row, row.shuffledFrom, 'SHUFFLED') ||
      (row.shuffledSameTokenFrom === null
        ? typeof row.cosines.SHUFFLED_SAME_TOKEN === 'number'
        : !isOf(row, row.shuffledSameTokenFrom, 'SHUFFLED_SAME_TOKEN') || byId.get(row.shuffledSameTokenFrom)?.token !== row.token),
  );
}

function sidecarScale({ injectionScale, injections }: EvaluationFacts): string | undefined {
  const { scales, norms } = injections;
  if (scales.size === 0) return 'nothing was injected';
  const asked = [...scales];
  if (asked.some((scale) => scale !== injectionScale)) return `scale ${asked.join(' and ')}, the sidecar says ${String(injectionScale)}`;
  if (injectionScale === null || norms === null) return undefined;
  const near = (value: number) => Math.abs(value - injectionScale) <= 1e-3 * injectionScale;
  return near(norms.least) && near(norms.greatest)
    ? undefined
    : `norms from ${norms.least} to ${norms.greatest}, the sidecar says ${injectionScale}`;
}

function summaryOfRows(rows: readonly StoredRow[], means: z.output<typeof meansSchema>): string | undefined {
  const agree = (values: readonly number[], stated: { readonly n: number; readonly value: number }) =>
    values.length === stated.n && Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length - stated.value) <= 1e-9;
  const cosinesOf = (name: string) => rows.map(({ cosines }) => cosines[name] ?? null);
  const own = cosinesOf('AV_OUT');
  for (const [name, { n, cosine }] of Object.entries(means.conditions)) {
    const values = cosinesOf(name).filter((value) => value !== null);
    if (!agree(values, { n, value: cosine.value })) return `the mean of ${name}`;
  }
  for (const [name, stated] of Object.entries(means.differences)) {
    const values = cosinesOf(name).flatMap((value, index) => {
      const mine = own[index];
      return value === null || typeof mine !== 'number' ? [] : [mine - value];
    });
    if (!agree(values, stated)) return `AV_OUT - ${name}`;
  }
  return undefined;
}
