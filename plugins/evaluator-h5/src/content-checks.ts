import type { DifferenceSummary } from './summary.js';

/**
 * What has to be true before an H5 result says that explanations carry content:
 * - `AV_READS_VECTOR`: AV_OUT beats SHUFFLED. An AV that ignores its vector fails it, whatever its cosine; so does an evaluation that pairs
 *   texts and vectors wrongly.
 * - `AV_SAYS_MORE_THAN_TOKEN`: AV_OUT beats SHUFFLED_SAME_TOKEN. An AV that reads nothing but the last token fails it.
 * - `AR_READS_TEXT`: GOLD beats the label of another document. An AR that ignores its text fails it.
 * - `BEATS_CONSTANT`: AV_OUT beats MEAN, which needs no text at all.
 */
export const CONTENT_CHECKS = ['AV_READS_VECTOR', 'AV_SAYS_MORE_THAN_TOKEN', 'AR_READS_TEXT', 'BEATS_CONSTANT'] as const;

/** See {@link CONTENT_CHECKS}. */
export type ContentCheck = (typeof CONTENT_CHECKS)[number];

type Differences = Readonly<Record<string, Pick<DifferenceSummary, 'low'>>>;

/** Whether the interval of each check's difference lies above zero; null where it was not measured. */
export function contentChecks(differences: Differences, goldDifferences: Differences): Readonly<Record<ContentCheck, boolean | null>> {
  const above = (difference: Differences[string] | undefined) => (difference === undefined ? null : difference.low > 0);
  return {
    AV_READS_VECTOR: above(differences.SHUFFLED),
    AV_SAYS_MORE_THAN_TOKEN: above(differences.SHUFFLED_SAME_TOKEN),
    AR_READS_TEXT: above(goldDifferences.GOLD_SHUFFLED),
    BEATS_CONSTANT: above(differences.MEAN),
  };
}
