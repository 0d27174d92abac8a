import { NlaError, type Label, type LabelItem } from '@nlakit/core';
import { tagExplanation, untagExplanation } from '@nlakit/dataset';

/**
 * Holds a labeler to one answer for each item, in their order; white space around an explanation goes, and one that could not be read back
 * from a file becomes a dropped row. Throws `E_LABELS` for answers too many, too few, or in another order.
 */
export function checkLabels(items: readonly LabelItem[], labels: readonly Label[], labeler: string): Label[] {
  const wrong = labels.findIndex(({ id }, index) => id !== items[index]?.id);
  if (labels.length !== items.length || wrong >= 0) {
    throw new NlaError('E_LABELS', {
      message: `The labeler "${labeler}" did not answer every row once, in the order it was asked.`,
      found: labels.length === items.length ? `an answer for ${labels[wrong]?.id ?? '?'}` : `${labels.length} answers`,
      expected: labels.length === items.length ? `one for ${items[wrong]?.id ?? '?'}` : `${items.length}`,
      fix: 'Correct the plugin: a row that gets no explanation is answered with a reason.',
    });
  }
  return labels.map((label) => {
    if (label.explanation === null) return label;
    const explanation = label.explanation.trim();
    if (explanation === '') return { id: label.id, explanation: null, reason: 'empty explanation' };
    if (untagExplanation(tagExplanation(explanation)) !== explanation) {
      return { id: label.id, explanation: null, reason: 'explanation with a closing tag' };
    }
    return { ...label, explanation };
  });
}
