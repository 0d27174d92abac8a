import type { Label, LabelItem } from '@nlakit/core';
import { mutate, type Mutant } from './mutant.js';

/** Faults of a labeler. */
export const labelerMutants: readonly Mutant<'labeler'>[] = [
  mutate('describes when it was made', 'labeler: describes what its labels depend on, without secrets', (labeler) => {
    let times = 0;
    return { ...labeler, describe: () => ({ ...labeler.describe(), asked: (times += 1) }) };
  }),
  ofLabels('drops items it has nothing to say about', 'labeler: answers every item once, in order', (labels) => labels.slice(1)),
  ofLabels('answers in another order', 'labeler: answers every item once, in order', (labels) => [...labels].reverse()),
  ofLabels('drops an item without a reason', 'labeler: answers every item once, in order', (labels) =>
    labels.map(({ id }) => ({ id, explanation: null, reason: '' })),
  ),
  ofLabels('labels with nothing', 'labeler: answers every item once, in order', (labels) =>
    labels.map(({ id }) => ({ id, explanation: ' ', labeler: 'none' })),
  ),
  mutate('does not listen', 'labeler: stops when it is told to', (labeler) => ({
    ...labeler,
    label: (items, context) => labeler.label(items, { ...context, signal: new AbortController().signal }),
  })),
  mutate('asks what it only has to price', 'labeler: prices a job without asking', (labeler) => ({
    ...labeler,
    estimate: async (items, context) => {
      await labeler.label(items, context);
      return { figures: { items: items.length }, warnings: [] };
    },
  })),
  mutate('answers otherwise the second time', 'labeler: gives the same labels again, and asks nothing twice', (labeler) => {
    let times = 0;
    return {
      ...labeler,
      label: async (items, context) => {
        times += 1;
        return (await labeler.label(items, context)).map((label) =>
          label.explanation === null ? label : { ...label, explanation: `${label.explanation} ${times}` },
        );
      },
    };
  }),
  ofLabels('numbers what it says within a chunk', 'labeler: does not depend on how items are cut into chunks', (labels) =>
    labels.map((label, at) => (label.explanation === null ? label : { ...label, explanation: `${at}. ${label.explanation}` })),
  ),
];

function ofLabels(
  name: string,
  caughtBy: string,
  change: (labels: readonly Label[], items: readonly LabelItem[]) => readonly Label[],
): Mutant<'labeler'> {
  return mutate(name, caughtBy, (labeler) => ({
    ...labeler,
    label: async (items, context) => change(await labeler.label(items, context), items),
  }));
}
