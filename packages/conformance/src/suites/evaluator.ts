import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EvaluateContext, Evaluation, JsonValue, Model, NlaRow } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { SIDECAR_FILE } from '@nlakit/sidecar';
import { parseDocument } from 'yaml';
import { check, checkJson, checkRefuses, checkSame } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { deafModel } from '../deaf-model.js';
import { scriptGeneration } from '../script-generation.js';
import { spyOnModel } from '../spy-on-model.js';
import { createToyDataset } from '../toy/toy-stage.js';
import { writeToyRun } from '../toy/toy-run.js';

/** Units of work that may be finished after an abort: the one that runs, and one that had begun. */
const workAfterAbort = 2;

/**
 * What an evaluator must do: measure held-out rows of one step as they lie on disk, through the sidecar, and store what was measured
 * whole, so that others can add it up again.
 */
export function evaluatorCases(): ConformanceCase<'evaluator'>[] {
  return [
    {
      name: 'evaluator: says who measured what',
      level: 1,
      run: async (subject) => {
        const { evaluation, context } = await measured(subject);
        const { name } = await subject.shared();
        check(name !== '', 'An evaluator has a name.');
        check(evaluation.evaluator === name, 'The evaluation names another evaluator.', evaluation.evaluator, name);
        check(
          evaluation.version === subject.plugin.version,
          'The version is not that of the plugin.',
          evaluation.version,
          subject.plugin.version,
        );
        const step = /step_0*(\d+)$/.exec(basename(context.stepFolder))?.[1];
        if (step !== undefined)
          check(evaluation.step === Number(step), 'Another step is named than lies in the folder.', `${evaluation.step}`, step);
        check(Object.keys(evaluation.provenance).length > 0, 'provenance does not say with what was measured.');
      },
    },
    {
      name: 'evaluator: gives what survives JSON',
      level: 1,
      run: async (subject) => {
        const { evaluation } = await measured(subject);
        const { rows, summary, headline, provenance, warnings } = evaluation;
        for (const [name, value] of Object.entries({ rows, summary, headline, provenance })) checkJson(value, name);
        check(Object.keys(headline).length > 0, 'headline is empty: a table has nothing to show.');
        for (const [name, value] of Object.entries(headline))
          check(Number.isFinite(value), `headline.${name} is no finite number.`, String(value));
        for (const { code, message } of warnings)
          check(code !== '' && message !== '', 'A warning has a code and a message.', JSON.stringify({ code, message }));
      },
    },
    {
      name: 'evaluator: measures as many held-out rows as it is asked for, each once',
      level: 1,
      run: async (subject) => {
        const { evaluation, context, heldOut } = await measured(subject);
        const known = new Set(heldOut.map(({ id }) => id));
        const ids = evaluation.rows.map((row) => row['id']);
        check(
          ids.every((id) => typeof id === 'string'),
          'Every stored row has the `id` of the row that was measured.',
          JSON.stringify(ids.slice(0, 5)),
        );
        const strangers = ids.filter((id) => !known.has(String(id)));
        check(strangers.length === 0, 'Rows are measured that are not held out.', strangers.slice(0, 3).join(', '));
        check(new Set(ids).size === ids.length, 'A row is measured more than once.', `${ids.length - new Set(ids).size} rows`);
        check(ids.length === context.rows, 'The number of rows is another than asked for.', `${ids.length}`, `${context.rows}`);
      },
    },
    {
      name: 'evaluator: stores texts whole',
      level: 1,
      run: async (subject) => {
        const { evaluation, heldOut } = await measured(subject);
        const whole = heldOut.flatMap(({ text, explanation }) => [text, explanation]).filter((text) => text !== undefined);
        for (const found of evaluation.rows.flatMap((row) => [...stringsIn(row)])) {
          if (found.length < 8) continue;
          const beginning = found.replace(/(?:…|\.\.\.)$/, '');
          const cut = whole.find((text) => text.length > beginning.length && text.startsWith(beginning));
          check(cut === undefined || whole.includes(found), 'A text is cut off.', found, cut);
        }
      },
    },
    {
      name: 'evaluator: leaves model, memory and folders as it found them',
      level: 1,
      run: async (subject) => {
        const evaluator = await subject.shared();
        const { context, folder } = await worldOf(subject);
        const spy = spyOnModel(context.model);
        const spied = { ...context, model: spy.model };
        const before = await contentsOf(folder);
        // What is read once and kept is no leak.
        await evaluator.evaluate(spied);
        await checkNoLeak('an evaluation', () => evaluator.evaluate(spied));
        check((spy.adapted.at(-1) ?? null) === null, 'An adapter is still attached to the model.');
        checkSame(await contentsOf(folder), before, 'The evaluator writes into the run; what it measured goes into its result.');
      },
    },
    {
      name: 'evaluator: refuses a step that is not there',
      level: 1,
      run: async (subject) => {
        const evaluator = await subject.shared();
        const { context, folder } = await worldOf(subject);
        await checkRefuses('A folder without a checkpoint', () =>
          evaluator.evaluate({ ...context, stepFolder: join(folder, 'trajectory', 'step_000999') }),
        );
      },
    },
    {
      name: 'evaluator: stops within a step when it is told to',
      level: 1,
      run: async (subject) => {
        const evaluator = await subject.shared();
        const { context } = await worldOf(subject);
        const whole = spyOnModel(context.model);
        await evaluator.evaluate({ ...context, model: whole.model });
        for (const point of new Set([0, 1, Math.floor(whole.work() / 2), whole.work() - 1])) {
          const controller = new AbortController();
          const spy = spyOnModel(context.model, (count) => {
            if (count === point) controller.abort();
          });
          if (point === 0) controller.abort();
          const ended = await evaluator.evaluate({ ...context, model: spy.model, signal: controller.signal }).then(
            () => true,
            () => false,
          );
          const after = spy.work() - point;
          check(
            after <= workAfterAbort,
            'The evaluator goes on working after it was told to stop.',
            `${after} passes or steps`,
            `at most ${workAfterAbort}`,
          );
          check(!ended || point > 0, 'An evaluation that was stopped before it began ends as if it were whole.');
          context.model.adapt(null);
        }
      },
    },
    {
      name: 'evaluator: gives the same again',
      level: 2,
      run: async (subject) => {
        const first = await measured(subject);
        const { context } = await worldOf(subject);
        const second = await (await subject.create()).evaluate(context);
        checkSame(second.rows, first.evaluation.rows, 'The same step gives other rows the second time.');
        checkSame(second.summary, first.evaluation.summary, 'The same step gives another summary the second time.');
        checkSame(second.headline, first.evaluation.headline, 'The same step gives another headline the second time.');
      },
    },
    {
      name: 'evaluator: injects with the scale of the sidecar',
      level: 2,
      run: async (subject) => {
        const evaluator = await subject.shared();
        for (const scale of [3, 6.5]) {
          const { context } = await worldOf(subject);
          await setInjectionScale(context.stepFolder, scale);
          const spy = spyOnModel(context.model);
          // What the injector would choose itself, or what the run says, is not what the checkpoint was trained with.
          const injector = { ...context.injector, scale: () => 11 };
          await evaluator.evaluate({ ...context, injector, model: spy.model });
          for (const { vector } of spy.injected) {
            const norm = Math.hypot(...((vector instanceof Float32Array ? vector : vector.dataSync()) as Float32Array));
            if (norm === 0) continue;
            check(
              Math.abs(norm / scale - 1) < 1e-3,
              'A vector is injected with another norm than the sidecar says.',
              norm.toPrecision(4),
              String(scale),
            );
          }
          if (spy.injected.length === 0) {
            subject.report({ kind: 'unused', message: 'The evaluator injects nothing: it does not measure a verbalizer.' });
            return;
          }
        }
      },
    },
    {
      name: 'evaluator: refuses held-out rows of documents that were trained on',
      level: 2,
      run: async (subject) => {
        const evaluator = await subject.shared();
        const { context, heldOut } = await worldOf(subject);
        const dataset = createToyDataset({ train: heldOut.slice(0, 6).map((row, at) => ({ ...row, id: `trained${at}` })), heldOut });
        await checkRefuses('An evaluation on documents that were trained on', () =>
          evaluator.evaluate({ ...context, dataset, rows: heldOut.length }),
        );
      },
    },
    {
      name: 'evaluator: stores with each row what was said about that row',
      level: 2,
      run: async (subject) => {
        const { context, heldOut } = await worldOf(subject);
        const evaluation = await evaluationWith(subject, context, (model) => scriptGeneration(model, tellerOf(heldOut)));
        const codes = new Map(heldOut.map((row, index) => [row.id, codeOf(index)]));
        let told = 0;
        for (const row of evaluation.rows) {
          const own = codes.get(String(row['id'])) ?? '';
          const said = Object.values(row).filter(
            (value) => typeof value === 'string' && [...codes.values()].some((code) => value.includes(code)),
          );
          told += said.length > 0 ? 1 : 0;
          check(
            said.every((text) => String(text).includes(own)),
            `The row ${String(row['id'])} holds what was said about another row.`,
            said.join(' | '),
            own,
          );
        }
        if (told === 0) subject.report({ kind: 'undeclared', message: 'Rows hold no explanation: nobody can see what was measured.' });
        else
          check(
            told === evaluation.rows.length,
            'Rows lack the explanation that was measured.',
            `${evaluation.rows.length - told} of ${evaluation.rows.length}`,
          );
      },
    },
    {
      name: 'evaluator: counts rows whose output holds no explanation',
      level: 2,
      run: async (subject) => {
        const { context, heldOut } = await worldOf(subject);
        const tell = tellerOf(heldOut);
        let turn = 0;
        const evaluation = await evaluationWith(subject, context, (model) =>
          scriptGeneration(model, (vector) => (turn++ % 2 === 0 ? '' : tell(vector))),
        );
        check(
          evaluation.rows.length === context.rows,
          'Rows are dropped because nothing was said about them.',
          `${evaluation.rows.length}`,
          `${context.rows}`,
        );
        for (const name of ['rows', 'summary', 'headline'] as const) checkJson(evaluation[name], name);
      },
    },
    {
      name: 'evaluator: its summary is that of its rows',
      level: 2,
      skip: ({ fixtures }) =>
        fixtures.recompute === undefined
          ? { because: 'no-fixture', reason: 'the fixtures have no `recompute`: figures from the stored rows' }
          : undefined,
      run: async (subject) => {
        const { evaluation } = await measured(subject);
        const stored = JSON.parse(JSON.stringify(evaluation)) as Evaluation;
        const recomputed = [...numbersIn(subject.fixtures.recompute?.(stored) ?? {})];
        check(recomputed.length > 0, 'No figure is recomputed.');
        for (const [path, expected] of recomputed) {
          const found = path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], stored.summary);
          const close = typeof found === 'number' && Math.abs(found - expected) <= 1e-9;
          check(close, `summary.${path.join('.')} is not what the rows give.`, String(found), String(expected));
        }
        subject.record('figures recomputed', recomputed.length);
      },
    },
    {
      name: 'evaluator: shows an AV that ignores its vector',
      level: 4,
      run: async (subject) => {
        const { context, heldOut } = await worldOf(subject);
        const good = await evaluationWith(subject, context, (model) => scriptGeneration(model, tellerOf(heldOut)));
        const blind = await evaluationWith(subject, context, (model) => scriptGeneration(model, () => explanationOf(codeOf(0))));
        checkDifferent(good, blind, 'An AV that says the same about every vector is measured like one that says what is in it.');
      },
    },
    {
      name: 'evaluator: shows an AR that ignores its text',
      level: 4,
      run: async (subject) => {
        const { context, heldOut } = await worldOf(subject);
        const teller = (model: Model): Model => scriptGeneration(model, tellerOf(heldOut));
        const good = await evaluationWith(subject, context, teller);
        let read = 0;
        const deaf = await evaluationWith(subject, context, (model) => deafModel(teller(model), () => (read += 1)));
        if (read === 0) subject.report({ kind: 'unused', message: 'The evaluator asks no reconstructor.' });
        else checkDifferent(good, deaf, 'An AR that gives the same vector for every text is measured like one that reads it.');
      },
    },
  ];
}

interface World {
  readonly context: EvaluateContext & { readonly rows: number };
  readonly heldOut: readonly NlaRow[];
  /** Holds the checkpoints; they may be changed. */
  readonly folder: string;
}

/** A run of its own for one evaluation: that of the toy world, with what the fixtures replace. */
async function worldOf(subject: Subject<'evaluator'>): Promise<World> {
  const folder = await subject.folder();
  const { heldOut, ...toy } = await writeToyRun(folder);
  const own = await subject.fixtures.context?.();
  const context = { ...toy, ...own, rows: own?.rows ?? 8 };
  if (own?.stepFolder !== undefined) {
    const copy = join(folder, 'copied', basename(own.stepFolder));
    await cp(own.stepFolder, copy, { recursive: true });
    context.stepFolder = copy;
  }
  if (own?.dataset === undefined) return { context, heldOut, folder };
  const split = await own.dataset.open(context.dataFolder, 'heldOut');
  return { context, heldOut: await split.rows(Array.from({ length: split.length }, (_, index) => index)), folder };
}

interface Measured extends World {
  readonly evaluation: Evaluation;
}

const measurements = new WeakMap<Subject<'evaluator'>, Promise<Measured>>();

/** One evaluation that cases share. */
function measured(subject: Subject<'evaluator'>): Promise<Measured> {
  const make = async (): Promise<Measured> => {
    const world = await worldOf(subject);
    return { ...world, evaluation: await (await subject.shared()).evaluate(world.context) };
  };
  const found = measurements.get(subject) ?? make();
  measurements.set(subject, found);
  return found;
}

/** An evaluation of the same step with another model in the place of its own. */
async function evaluationWith(
  subject: Subject<'evaluator'>,
  context: EvaluateContext,
  change: (model: Model) => Model,
): Promise<Evaluation> {
  // Streams that another evaluation has drawn from would make a difference of their own.
  const seeds = createSeedStreams(context.seeds.seed);
  return (await subject.create()).evaluate({ ...context, seeds, model: change(context.model) });
}

/** Says of each row's vector which row it is of. */
function tellerOf(rows: readonly NlaRow[]): (vector: Float32Array | undefined) => string {
  return (vector) => {
    if (vector === undefined) return '';
    const found = rows.findIndex((row) => cosineOf(row.vector, vector) > 1 - 1e-6);
    return found < 0 ? explanationOf('of the time') : explanationOf(codeOf(found));
  };
}

function explanationOf(words: string): string {
  return `<explanation>${words}</explanation>`;
}

/** A word that is in no text of the toy world, of two letters that say which row it is. */
function codeOf(index: number): string {
  const letters = 'bcdfghjklmnpqrstvwxz';
  return `zq${letters[Math.floor(index / letters.length) % letters.length] ?? ''}${letters[index % letters.length] ?? ''}`;
}

function cosineOf(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [dot, left, right] = [0, 0, 0];
  for (let at = 0; at < one.length; at += 1) {
    dot += (one[at] ?? 0) * (other[at] ?? 0);
    left += (one[at] ?? 0) ** 2;
    right += (other[at] ?? 0) ** 2;
  }
  return dot / Math.sqrt(left * right);
}

function checkDifferent(one: Evaluation, other: Evaluation, message: string): void {
  const same = JSON.stringify([one.summary, one.headline]) === JSON.stringify([other.summary, other.headline]);
  check(!same, message, 'the same summary');
}

/** Writes another injection scale into the sidecar of a checkpoint. */
async function setInjectionScale(folder: string, scale: number): Promise<void> {
  const file = join(folder, SIDECAR_FILE);
  const document = parseDocument(await readFile(file, 'utf8'));
  document.setIn(['extraction', 'injection_scale'], scale);
  await writeFile(file, document.toString());
}

/** Every text in a stored row, at any depth. */
function* stringsIn(value: JsonValue): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* stringsIn(inner);
}

/** Every number in a summary, with the keys that lead to it. */
function* numbersIn(value: unknown, path: readonly string[] = []): Generator<[path: readonly string[], value: number]> {
  if (typeof value === 'number') yield [path, value];
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) yield* numbersIn(inner, [...path, key]);
}

/** Every file below `folder` with the hash of its content. */
async function contentsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.sort().map(
      async (file) =>
        `${file} ${createHash('sha256')
          .update(await readFile(file))
          .digest('hex')}`,
    ),
  );
}
