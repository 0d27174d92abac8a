import type { LabelContext, LabelItem, Label } from '@nlakit/core';
import { check, checkJson, checkSame } from '../check.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { createToyModel } from '../toy/toy-model.js';
import { silentLogger } from '../toy/toy-stage.js';

const toyItems: readonly LabelItem[] = ['animal', 'food', 'plant', 'time', 'animal'].map((topic, index) => ({
  id: `item${index}`,
  documentId: `document${Math.floor(index / 2)}`,
  text: `the ${topic} is of the`,
  token: 'the',
  meta: { family: 'toy', topic },
}));

/** What a labeler must do: answer every item once, in order, the same way however they are cut into chunks. */
export function labelerCases(): ConformanceCase<'labeler'>[] {
  return [
    {
      name: 'labeler: describes what its labels depend on, without secrets',
      level: 1,
      run: async (subject) => {
        const labeler = await subject.shared();
        const description = labeler.describe();
        checkJson(description, 'describe()');
        checkSame(labeler.describe(), description, 'describe() answers differently the second time.');
        const text = JSON.stringify(description);
        for (const secret of subject.fixtures.secrets ?? []) check(!text.includes(secret), 'A secret is in the description.');
        const other = await subject.create();
        checkSame(other.describe(), description, 'Two instances with the same options describe themselves differently.');
      },
    },
    {
      name: 'labeler: answers every item once, in order',
      level: 1,
      run: async (subject) => {
        const labels = await labelsOf(subject, itemsOf(subject));
        checkSame(
          labels.map(({ id }) => id),
          itemsOf(subject).map(({ id }) => id),
          'The labels are not those of the items, in their order.',
        );
        for (const label of labels) checkLabel(label);
        check(
          labels.some(({ explanation }) => explanation !== null),
          'No item is labelled.',
          labels.map((label) => JSON.stringify(label)).join(' '),
        );
        check((await labelsOf(subject, [])).length === 0, 'Labels come back although nothing was asked.');
      },
    },
    {
      name: 'labeler: stops when it is told to',
      level: 1,
      run: async (subject) => {
        const controller = new AbortController();
        controller.abort();
        const before = subject.fixtures.asked?.() ?? 0;
        const fresh = await subject.create();
        const items = itemsOf(subject).map((item) => ({ ...item, id: `unasked ${item.id}`, text: `${item.text} unasked` }));
        const context = { ...(await contextOf(subject)), signal: controller.signal };
        await Promise.resolve()
          .then(() => fresh.label(items, context))
          .catch(() => undefined);
        const asked = (subject.fixtures.asked?.() ?? 0) - before;
        check(asked === 0, 'Something is asked although the job was stopped before it began.', `${asked} questions`);
      },
    },
    {
      name: 'labeler: prices a job without asking',
      level: 1,
      skip: async (subject) =>
        (await subject.shared()).estimate === undefined
          ? { because: 'not-declared', reason: 'estimate is not there: labelling costs nothing' }
          : undefined,
      run: async (subject) => {
        const labeler = await subject.shared();
        const before = subject.fixtures.asked?.() ?? 0;
        const estimate = await labeler.estimate?.(itemsOf(subject), await contextOf(subject));
        check((subject.fixtures.asked?.() ?? 0) === before, 'The estimate asks questions.');
        checkJson(estimate?.figures, 'the figures of the estimate');
        check(Object.keys(estimate?.figures ?? {}).length > 0, 'The estimate has no figures.');
      },
    },
    {
      name: 'labeler: gives the same labels again, and asks nothing twice',
      level: 2,
      run: async (subject) => {
        const context = await contextOf(subject);
        const labeler = await subject.create();
        const first = await labeler.label(itemsOf(subject), context);
        const asked = subject.fixtures.asked?.() ?? 0;
        checkSame(await labeler.label(itemsOf(subject), context), first, 'The labels are others the second time.');
        checkSame(await (await subject.create()).label(itemsOf(subject), context), first, 'Another instance gives other labels.');
        check((subject.fixtures.asked?.() ?? 0) === asked, 'Questions that were answered are asked again.');
      },
    },
    {
      name: 'labeler: does not depend on how items are cut into chunks',
      level: 2,
      run: async (subject) => {
        const items = itemsOf(subject);
        const whole = await labelsOf(subject, items);
        const parts = [...(await labelsOf(subject, items.slice(0, 2))), ...(await labelsOf(subject, items.slice(2)))];
        checkSame(parts, whole, 'Two chunks give other labels than one.');
      },
    },
  ];
}

function itemsOf({ fixtures }: Subject<'labeler'>): readonly LabelItem[] {
  return fixtures.items ?? toyItems;
}

async function contextOf(subject: Subject<'labeler'>): Promise<LabelContext> {
  const model = await subject.fixtures.parts?.model?.();
  return {
    model: model === undefined ? createToyModel() : await model.load(),
    cacheFolder: await subject.folder(),
    signal: new AbortController().signal,
    log: silentLogger,
  };
}

async function labelsOf(subject: Subject<'labeler'>, items: readonly LabelItem[]): Promise<readonly Label[]> {
  return (await subject.shared()).label(items, await contextOf(subject));
}

function checkLabel(label: Label): void {
  if (label.explanation === null) {
    check(label.reason !== '', 'An item is dropped without a reason.', label.id);
    return;
  }
  check(label.explanation.trim() !== '', 'An explanation is empty.', label.id, 'text, or null with a reason');
  check(label.labeler !== '', 'A label does not say who wrote it.', label.id);
}
