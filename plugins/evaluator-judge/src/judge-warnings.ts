import type { Warning } from '@nlakit/core';
import type { JudgeSummary } from './summary.js';

/** Share of answers that may give no verdict before that is said. */
const fewUnparsed = 0.05;

/** What makes the judge's word worth little: it cannot tell labels from shuffled explanations, prefers a place, or does not answer. */
export function judgeWarnings({ choice, rubric, positions, effects, chance }: JudgeSummary): Warning[] {
  const warnings: Warning[] = [];
  const blind = (['choice', 'rubric'] as const).filter((kind) => {
    const effect = effects[`${kind}: GOLD - SHUFFLED`];
    return effect !== undefined && effect.low <= 0;
  });
  if (blind.length > 0) {
    const message = `The judge does not tell labels from explanations of other texts (${blind.join(' and ')}): what it says of the AV means nothing.`;
    warnings.push({ code: 'W_JUDGE_BLIND', message });
  }
  if (positions.p < 0.001) {
    const message = `The judge prefers a place: it chose the most frequent one in ${percent(positions.mostShare)} of its choices, where ${percent(chance)} are expected.`;
    warnings.push({ code: 'W_JUDGE_POSITION', message });
  }
  const all = [...Object.values(choice), ...Object.values(rubric)];
  const [asked, unparsed] = [all.reduce((sum, { n }) => sum + n, 0), all.reduce((sum, one) => sum + one.unparsed, 0)];
  if (unparsed > fewUnparsed * asked) {
    const message = `${percent(unparsed / asked)} of the answers give no verdict; they count as wrong, and as the lowest grade.`;
    warnings.push({ code: 'W_JUDGE_UNPARSED', message });
  }
  if (choice.GOLD === undefined && rubric.GOLD === undefined) {
    warnings.push({ code: 'W_JUDGE_NO_GOLD', message: 'The rows have no labels: that the judge can tell good from bad is not shown.' });
  }
  return warnings;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
