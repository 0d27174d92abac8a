import { formatEstimate, formatFigure, formatNumber } from './format.js';
import type { ReportData, StepEvaluation } from './report-data.js';

/** The evaluation of the last measured checkpoint, if anything was measured. */
export function lastEvaluation(data: ReportData): StepEvaluation | undefined {
  return data.evaluations.at(-1);
}

/** What the last checkpoint showed, in sentences that hold the numbers and what they do not mean. */
export function summarySentences(data: ReportData): string[] {
  const last = lastEvaluation(data);
  if (last === undefined) return ['Nothing has been measured yet: no evaluation is stored in this run.'];
  const sentences: string[] = [];
  const difference = (against: string) => last.differences.find((point) => point.against === against)?.difference;
  const shuffled = difference('SHUFFLED');
  if (shuffled !== undefined) {
    const verdict =
      shuffled.low > 0
        ? 'The explanations carry information about their own activation.'
        : shuffled.high < 0
          ? 'The explanations fit other rows better than their own: something is mixed up.'
          : 'No evidence that the explanations carry information about their own activation.';
    sentences.push(
      `At step ${last.step}, AV_OUT − SHUFFLED is ${formatEstimate(shuffled, true)} in cosine over ${last.rows} held-out rows. ${verdict}`,
    );
  }
  const sameToken = difference('SHUFFLED_SAME_TOKEN');
  if (sameToken !== undefined) {
    const rows = last.differences.find((point) => point.against === 'SHUFFLED_SAME_TOKEN')?.n ?? last.rows;
    sentences.push(
      `Against the explanation of another document's row that was read at the same token the difference is ${formatEstimate(sameToken, true)} over ${rows} rows: ${
        sameToken.low > 0
          ? 'explanations say more than which token it was'
          : 'no evidence that explanations say more than which token it was'
      }.`,
    );
  }
  const mean = difference('MEAN');
  if (mean !== undefined) {
    sentences.push(
      `Against the MEAN vector, the best constant and no text at all, the difference is ${formatEstimate(mean, true)}: ${
        mean.low > 0
          ? 'reading the explanation beats guessing the average'
          : mean.high < 0
            ? 'guessing the average does better'
            : 'guessing the average does as well'
      }.`,
    );
  }
  const topic = difference('SWAP_TOPIC');
  const lastWord = difference('SWAP_LAST');
  if (topic !== undefined) {
    sentences.push(
      `Taking only the topic and hypernym from another row's explanation costs ${formatEstimate(topic, true)}${lastWord === undefined ? '' : `; taking only the last word costs ${formatEstimate(lastWord, true)}`}. ${
        lastWord !== undefined && lastWord.low > 0 && lastWord.value > 2 * topic.value
          ? 'So most of the effect is the last word read; the semantic share is the smaller part.'
          : ''
      }`.trim(),
    );
  }
  const gold = last.conditions.find((point) => point.condition === 'GOLD');
  if (gold?.fve !== undefined) {
    sentences.push(
      `The reconstructor explains ${gold.fve > 0 ? `${formatNumber(gold.fve)} of the variance (fve_nrm)` : `none of the variance (fve_nrm ${formatNumber(gold.fve)})`} from gold explanations: the ceiling for any verbalizer paired with it.`,
    );
  }
  return sentences;
}

/** How the differences change over the trajectory, a sentence each. */
export function trendSentences({ trends }: ReportData): string[] {
  return trends.map(({ against, firstStep, lastStep, steps, rows, per100, p }) => {
    const change = per100.low > 0 ? 'grows' : per100.high < 0 ? 'shrinks' : 'shows no trend';
    return `AV_OUT − ${against} ${change} from step ${firstStep} to ${lastStep}: ${formatEstimate(per100, true)} per 100 steps (slope fitted to each of ${rows} rows over ${steps} steps; p ${formatFigure(p)}).`;
  });
}
