import { readdir } from 'node:fs/promises';
import type { Dataset, DatasetContext, DatasetEvent, DatasetSplit, SplitName } from '@nlakit/core';
import { check, checkBits, checkJson, checkSame, fail } from '../check.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { createToyInjector } from '../toy/toy-injector.js';
import { createToyModel } from '../toy/toy-model.js';
import { toyContract } from '../toy/toy-stage.js';

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/** What a dataset must do: make or check its files, say what they were made for, and keep documents of the splits apart. */
export function datasetCases(): ConformanceCase<'dataset'>[] {
  return [
    {
      name: 'dataset: prepares, and prepares again to the same files',
      level: 1,
      run: async (subject) => {
        const { dataset, context } = await prepared(subject);
        const before = await listing(context.folder);
        const again = await eventsOf(dataset.prepare(context));
        checkDone(again);
        checkSame(await listing(context.folder), before, 'Preparing a second time changes which files there are.');
      },
    },
    {
      name: 'dataset: describes a contract that fits the model',
      level: 1,
      run: async (subject) => {
        const { dataset, context } = await prepared(subject);
        const { datasetId, contract, sidecar } = await dataset.describe(context.folder);
        check(datasetId !== '', 'A dataset has an id.');
        check(
          contract.dModel === context.model.spec.dModel,
          'dModel is not that of the model.',
          `${contract.dModel}`,
          `${context.model.spec.dModel}`,
        );
        check(contract.layer === context.layer, 'layer is not the one that was asked for.', `${contract.layer}`, `${context.layer}`);
        check(
          contract.templates.av.split('{injection_char}').length === 2,
          'The AV template must hold {injection_char} once.',
          contract.templates.av,
        );
        check(
          contract.templates.ar.split('{explanation}').length === 2,
          'The AR template must hold {explanation} once.',
          contract.templates.ar,
        );
        checkJson(sidecar, 'sidecar');
      },
    },
    {
      name: 'dataset: opens every split, by hash and length',
      level: 1,
      run: async (subject) => {
        for (const split of await splitsOf(subject)) {
          check(split.length > 0, `The split ${split.name} is empty.`);
          check(/^[0-9a-f]{64}$/.test(split.sha256), `The split ${split.name} has no sha256.`, split.sha256, '64 hexadecimal digits');
        }
      },
    },
    {
      name: 'dataset: hands out rows in the order they are asked for',
      level: 1,
      run: async (subject) => {
        const { context } = await prepared(subject);
        for (const split of await splitsOf(subject)) {
          const all = await split.rows(Array.from({ length: split.length }, (_, index) => index));
          check(all.length === split.length, 'Rows are missing.', `${all.length}`, `${split.length}`);
          check(new Set(all.map(({ id }) => id)).size === all.length, `Two rows of ${split.name} have one id.`);
          const chosen = [split.length - 1, 0, split.length - 1];
          const some = await split.rows(chosen);
          checkSame(
            some.map(({ id }) => id),
            chosen.map((index) => all[index]?.id),
            'Rows come in another order than they were asked for.',
          );
          some.forEach(({ vector }, at) =>
            checkBits(vector, all[chosen[at] ?? 0]?.vector ?? [], 'A row has another vector the second time.'),
          );
          for (const { vector, id, rawTokens } of all) {
            check(vector.length === context.model.spec.dModel, `The vector of ${id} has another length than dModel.`, `${vector.length}`);
            check(vector.every(Number.isFinite), `The vector of ${id} holds what is no number.`);
            check(Number.isInteger(rawTokens) && rawTokens > 0, `The number of tokens of ${id} is wrong.`, String(rawTokens));
          }
        }
      },
    },
    {
      name: 'dataset: refuses rows it does not have',
      level: 1,
      run: async (subject) => {
        const [split] = await splitsOf(subject);
        for (const index of [-1, split?.length ?? 0, 0.5]) {
          const rows = await split?.rows([index]).catch(() => 'refused');
          if (rows !== 'refused') fail(`Row ${index} of ${split?.length} is handed out.`, JSON.stringify(rows), 'an error');
        }
      },
    },
    {
      name: 'dataset: stops when it is told to',
      level: 1,
      run: async (subject) => {
        const dataset = await subject.create();
        const controller = new AbortController();
        controller.abort();
        const context = { ...(await contextOf(subject)), signal: controller.signal };
        const events = await eventsOf(dataset.prepare(context)).catch(() => []);
        // Whoever has nothing to make may be done at once; whoever works must not go on to the end.
        const worked = events.filter(({ type }) => type === 'progress').length;
        check(worked <= 1, 'The dataset goes on working although it was stopped before it began.', `${worked} steps`, 'at most 1');
      },
    },
    {
      name: 'dataset: stops behind a stage it names',
      level: 1,
      skip: async (subject) =>
        ((await subject.shared()).stages ?? []).length === 0
          ? { because: 'not-declared', reason: 'stages is not there: made in one go' }
          : undefined,
      run: async (subject) => {
        const dataset = await subject.create();
        const { stages = [] } = dataset;
        check(new Set(stages).size === stages.length, 'Two stages have one name.', stages.join(', '));
        const context = await contextOf(subject);
        for (const until of stages) checkDone(await eventsOf(dataset.prepare({ ...context, until })));
      },
    },
    {
      name: 'dataset: keeps the documents of the held-out rows out of training',
      level: 2,
      run: async (subject) => {
        const [av, ar, heldOut] = await Promise.all((await splitsOf(subject)).map(documentsOf));
        for (const [name, training] of [
          ['avSft', av],
          ['arSft', ar],
        ] as const) {
          const both = [...(heldOut ?? [])].filter((document) => training?.has(document) === true);
          check(both.length === 0, `Documents are in ${name} and held out.`, both.slice(0, 3).join(', '));
        }
      },
    },
    {
      name: 'dataset: labels what it trains on',
      level: 2,
      run: async (subject) => {
        for (const split of (await splitsOf(subject)).filter(({ name }) => name !== 'heldOut')) {
          const rows = await split.rows(Array.from({ length: split.length }, (_, index) => index));
          const bare = rows.filter(({ explanation = '' }) => explanation.trim() === '');
          check(bare.length === 0, `Rows of ${split.name} have no explanation.`, `${bare.length} of ${rows.length}, ${bare[0]?.id ?? ''}`);
        }
      },
    },
  ];
}

interface Prepared {
  readonly dataset: Dataset;
  readonly context: DatasetContext;
}

const preparations = new WeakMap<Subject<'dataset'>, Promise<Prepared>>();

/** The shared dataset, made once: that may take minutes. */
function prepared(subject: Subject<'dataset'>): Promise<Prepared> {
  const make = async (): Promise<Prepared> => {
    const dataset = await subject.shared();
    const context = await contextOf(subject);
    checkDone(await eventsOf(dataset.prepare(context)));
    return { dataset, context };
  };
  const found = preparations.get(subject) ?? make();
  preparations.set(subject, found);
  return found;
}

async function contextOf(subject: Subject<'dataset'>): Promise<DatasetContext> {
  const folder = await subject.folder();
  return {
    model: createToyModel(),
    injector: createToyInjector(),
    layer: toyContract.layer,
    folder,
    signal: new AbortController().signal,
    ...(await subject.fixtures.context?.(folder)),
  };
}

async function splitsOf(subject: Subject<'dataset'>): Promise<DatasetSplit[]> {
  const { dataset, context } = await prepared(subject);
  return Promise.all(splitNames.map((name) => dataset.open(context.folder, name)));
}

async function documentsOf(split: DatasetSplit): Promise<ReadonlySet<string>> {
  const rows = await split.rows(Array.from({ length: split.length }, (_, index) => index));
  return new Set(rows.map(({ documentId }) => documentId));
}

async function eventsOf(stream: AsyncIterable<DatasetEvent>): Promise<DatasetEvent[]> {
  const events: DatasetEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function checkDone(events: readonly DatasetEvent[]): void {
  const last = events.at(-1);
  check(last?.type === 'done', 'Preparing does not end with the event `done`.', last?.type);
  checkJson(last.figures, 'the figures of `done`');
  check(events.filter(({ type }) => type === 'done').length === 1, 'Preparing is done more than once.');
}

async function listing(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
