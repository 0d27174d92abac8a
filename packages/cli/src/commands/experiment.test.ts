import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeConfig, fakeHost, type FakeJournal } from '../../../run/src/test-support/fake-plugins.js';
import { runCli } from '../index.js';

let place: string;
let journal: FakeJournal;

async function nla(args: readonly string[], signal = new AbortController().signal) {
  let [out, error] = ['', ''];
  const io = {
    out: (text: string) => (out += text),
    error: (text: string) => (error += text),
    terminal: false,
    interactive: false,
    color: false,
    columns: 80,
    cwd: place,
    signal,
  };
  const code = await runCli([...args, '--json'], io, fakeHost(journal));
  return { code, error, json: JSON.parse(out) as Record<string, never> & { readonly error?: Record<string, JsonValue> } };
}

/** Two rows a document; the figure grows by 0.1 with every doubling of the steps that the AV was trained for. */
function rowsOf(step: number, noise = 0.05): Record<string, JsonValue>[] {
  const random = createSeedStreams(step).stream('rows');
  return Array.from({ length: 40 }, (_, row) => ({
    id: `row${row}`,
    documentId: `doc${row >> 1}`,
    cosines: {
      AV_OUT: 0.4 + 0.1 * Math.log2(step) + noise * random.normal(),
      SHUFFLED: 0.3 + 0.02 * (row % 5),
      ...(row === 7 ? {} : { PARTNER: 0.5 }),
    },
  }));
}

const experiment = `schema: 1
name: more-steps
question: Do more steps help?
hypothesis: Every doubling adds at least 0.05.
config: ./nla.config.yaml
shared: {}
arms:
  - { id: two, x: 2, set: { trainers.av.options.steps: 2 } }
  - { id: four, label: 4 steps, x: 4, set: { trainers.av.options.steps: 4 } }
  - { id: eight, x: 8, set: { trainers.av.options.steps: 8 } }
evaluator: { id: h5, use: '@fake/evaluator' }
figure: cosines.AV_OUT - cosines.SHUFFLED
also: [cosines.AV_OUT]
factor: { name: steps, scale: log2 }
primary: { trend: factor, atLeast: 0.05 }
`;

const write = (text: string) => writeFile(join(place, 'e.yaml'), text);
const run = (...args: readonly string[]) => nla(['experiment', 'e.yaml', ...args]);
const result = async (folder = 'runs/more-steps/result') =>
  JSON.parse(await readFile(join(place, folder, 'experiment.json'), 'utf8')) as {
    readonly primary: Readonly<Record<string, unknown>>;
    readonly effects: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
    readonly arms: readonly { readonly id: string; readonly runs: readonly { readonly differences: readonly string[] }[] }[];
    readonly rows: readonly { readonly id: string; readonly values: unknown }[];
    readonly registration: { readonly amended: readonly unknown[] };
    readonly warnings: readonly { readonly code: string }[];
  };

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'nla-experiment-'));
  journal = { done: [], measure: (step) => ({ rows: rowsOf(step) }) };
  await writeFile(join(place, 'nla.config.yaml'), fakeConfig);
  await write(experiment);
});
afterEach(() => rm(place, { recursive: true, force: true }));

describe('nla experiment', () => {
  it('plans without doing anything, makes what is missing, and does nothing a second time', async () => {
    const states = async () => {
      const { code, json } = await run('--dry-run');
      expect(code).toBe(0);
      return (json['runs'] as unknown as { arm: string; state: string }[]).map(({ arm, state }) => `${arm} ${state}`);
    };
    expect(await states()).toEqual(['shared new', 'two waits', 'four waits', 'eight waits']);
    expect(await readdir(place)).not.toContain('runs');
    expect(journal.done).toEqual([]);

    expect(await run()).toMatchObject({ code: 0, json: { primary: { verdict: 'met', effect: 'trend.factor' }, rows: 40 } });
    // One AR, of the shared run; each arm's data stage, AV and last step.
    expect(journal.done.filter((what) => what.startsWith('ar'))).toEqual(['ar1', 'ar2', 'ar3']);
    expect(journal.done.filter((what) => what.startsWith('eval'))).toEqual(['eval 000002', 'eval 000004', 'eval 000008']);
    expect(await states()).toEqual(['shared done', 'two done', 'four done', 'eight done']);

    const before = await result();
    journal.done.length = 0;
    expect(await run()).toMatchObject({ code: 0 });
    expect(journal.done).toEqual([]);
    expect(await result()).toEqual(before);
    // The effects come out of the rows a second time, computed by a program of its own; a changed row shows.
    const kept = 'runs/more-steps/result/experiment.json';
    expect(await nla(['recheck', 'runs'])).toMatchObject({
      code: 0,
      json: { ok: true, files: [{ file: kept, kind: 'experiment', notComputed: [] }] },
    });
    const text = await readFile(join(place, kept), 'utf8');
    await writeFile(join(place, 'changed.json'), text.replace(/("two":\{"2":\[)[^\]]*/, '$10.9'));
    const changed = await nla(['recheck', 'changed.json']);
    expect(changed).toMatchObject({ code: 1, json: { ok: false } });
    expect(JSON.stringify(changed.json['files'])).toContain('effects.trend.factor.value');
    expect(await nla(['recheck', 'e.yaml'])).toMatchObject({ code: 2, json: { error: { code: 'E_RECHECK' } } });
    expect(await nla(['recheck', 'nowhere'])).toMatchObject({ code: 2, json: { error: { code: 'E_USAGE' } } });
    expect(await readdir(join(place, 'runs/more-steps/result/figures'))).toEqual(['arms.png', 'arms.svg', 'factor.png', 'factor.svg']);
  });

  it('states effects with intervals, what arms differ in, and every row', async () => {
    await run('--out', 'kept');
    const { effects, arms, rows, primary } = await result('kept');
    const effect = (name: string) => effects.find((one) => one.name === name);
    expect(effects.map(({ name }) => name)).toEqual([
      'mean.two',
      'mean.four',
      'mean.eight',
      'difference.four.two',
      'difference.eight.two',
      'trend.factor',
    ]);
    expect(effect('trend.factor')?.['value']).toBeCloseTo(0.1, 1);
    expect(effect('difference.eight.two')).toMatchObject({ n: 40, documents: 20, pHolm: expect.any(Number) });
    expect(primary['low']).toBeGreaterThan(0.05);
    expect(arms.map(({ runs }) => runs[0]?.differences)).toEqual([
      [],
      ['trainers.av.options.steps: 2 → 4'],
      ['trainers.av.options.steps: 2 → 8'],
    ]);
    expect(rows).toHaveLength(40);
    expect(rows[0]?.values).toMatchObject({ two: { '2': [expect.any(Number)] }, eight: { '8': [expect.any(Number)] } });
    const page = await readFile(join(place, 'kept/README.md'), 'utf8');
    expect(page).toContain('**Met.** Slope per doubling of steps');
    expect(page).toContain('| 4 steps | 4 | 7 | 4 | 40 |');
    expect(page).not.toMatch(/NaN|undefined/);
  });

  it('follows steps of one arm, and pairs of arms, on the rows that both have', async () => {
    await write(
      experiment
        .replace('primary: { trend: factor, atLeast: 0.05 }', 'steps: all\nprimary: { trend: step, arm: eight, per: 10, atLeast: 0.1 }')
        .replace('factor: { name: steps, scale: log2 }\n', ''),
    );
    expect(await run()).toMatchObject({ code: 0, json: { primary: { effect: 'trend.step.eight', per: 10, verdict: 'met' } } });
    const { effects } = await result();
    // Steps 2, 4, 6 and 8 of the arm: the slope of 0.1 log2(step) over them.
    expect(effects.find(({ name }) => name === 'trend.step.eight')?.['value']).toBeCloseTo(0.0326, 2);
    expect(effects.map(({ name }) => name)).toContain('step.6.eight');

    await write(
      experiment
        .replace('trend: factor, atLeast: 0.05', 'compare: [eight, four], atLeast: 0.05')
        .replace('- cosines.SHUFFLED', '- cosines.PARTNER'),
    );
    await rm(join(place, 'runs'), { recursive: true });
    expect(await run()).toMatchObject({ code: 0, json: { primary: { effect: 'difference.eight.four', verdict: 'met' } } });
    expect((await result()).effects.at(-1)).toMatchObject({ name: 'difference.eight.four', n: 39, pHolm: null });
  });

  it('averages the runs of several seeds and shows each', async () => {
    await write(experiment.replace('arms:', 'seeds: [3, 4]\narms:'));
    journal.measure = (step) => ({
      rows: rowsOf(step).map((row) => ({ ...row, cosines: { AV_OUT: step + journal.done.length / 1000, SHUFFLED: 0 } })),
    });
    expect(await run()).toMatchObject({ code: 0, json: { primary: { seeds: { on: 2, of: 2 } } } });
    const { effects, warnings } = await result();
    const mean = effects.find(({ name }) => name === 'mean.two') as
      { readonly value: number; readonly bySeed: readonly { readonly value: number }[] } | undefined;
    expect(mean?.bySeed).toHaveLength(2);
    expect(mean?.value).toBeCloseTo(((mean?.bySeed[0]?.value ?? NaN) + (mean?.bySeed[1]?.value ?? NaN)) / 2, 12);
    expect(warnings.map(({ code }) => code)).not.toContain('W_EXPERIMENT_ONE_SEED');
  });

  it('goes on after an interruption', async () => {
    const controller = new AbortController();
    journal.afterStep = (role, step) => {
      if (role === 'av' && step === 4) controller.abort();
    };
    const stopped = await nla(['experiment', 'e.yaml'], controller.signal);
    expect(stopped).toMatchObject({
      code: 130,
      json: { error: { code: 'E_INTERRUPTED', fix: expect.stringContaining('nla experiment e.yaml') } },
    });
    delete journal.afterStep;
    journal.done.length = 0;
    expect(await run()).toMatchObject({ code: 0, json: { primary: { verdict: 'met' } } });
    expect(journal.done.filter((what) => /^(ar|data|eval 000002)/.test(what))).toEqual(['data']);
  });

  it('takes a run that is there, and measures what it lacks', async () => {
    expect(await nla(['run', 'nla.config.yaml', '--run-dir', 'old'])).toMatchObject({ code: 0 });
    await write(
      experiment
        .replace(/shared: \{\}\n/, '')
        .replace(/arms:[\s\S]*evaluator:.*/, "arms:\n  - { id: old, run: ./old }\nevaluator: { id: more, use: '@fake/evaluator' }")
        .replace(/factor:.*\n/, '')
        .replace(/primary:.*/, 'primary: { arm: old, atLeast: 0.1 }'),
    );
    journal.done.length = 0;
    expect(await run()).toMatchObject({ code: 0, json: { primary: { effect: 'mean.old' } } });
    expect(journal.done).toEqual(['eval 000005']);
    expect((await result()).warnings.map(({ code }) => code)).toContain('W_EXPERIMENT_EXISTING');
  });
});

describe('nla experiment refuses', () => {
  const refused = async (text: string) => {
    await write(text);
    const { code, json } = await run();
    return { exit: code, ...json.error };
  };

  it.each([
    ['an unknown key', experiment.replace('also:', 'allso:'), { line: 13, fix: 'Did you mean "also"?' }],
    ['a wrong value', experiment.replace('x: 4', 'x: four'), { line: 9, message: expect.stringContaining('arms.1.x') }],
    [
      'an arm that is not there',
      experiment.replace('factor, atLeast', 'step, arm: nine, atLeast'),
      { line: 15, message: expect.stringContaining('nine') },
    ],
    ['no threshold', experiment.replace(', atLeast: 0.05', ''), { line: 15, message: expect.stringContaining('atLeast or atMost') }],
    [
      'two effects',
      experiment.replace('trend: factor', 'trend: factor, arm: two'),
      { line: 15, message: expect.stringContaining('one effect') },
    ],
    ['two arms of one name', experiment.replace('id: four', 'id: two'), { line: 9, message: expect.stringContaining('Two arms') }],
    ['a figure that is none', experiment.replace('AV_OUT - ', 'AV_OUT + '), { line: 12, message: expect.stringContaining('Write a path') }],
    ['a trend over nothing', experiment.replace(/x: \d, /g, ''), { line: 15, message: expect.stringContaining('two arms') }],
  ])('%s, with its place', async (_, text, error) => {
    expect(await refused(text)).toMatchObject({ exit: 2, code: 'E_CONFIG', ...error });
    expect(journal.done).toEqual([]);
  });

  it('what is wrong with an arm’s config before anything is made', async () => {
    expect(await refused(experiment.replace('steps: 8', 'steps: many'))).toMatchObject({
      exit: 2,
      code: 'E_OPTION',
      message: expect.stringContaining('steps'),
    });
    expect(journal.done).toEqual([]);
  });

  it('a figure that the rows do not have, naming those they have', async () => {
    expect(await refused(experiment.replace('cosines.SHUFFLED', 'cosines.NONE'))).toMatchObject({
      exit: 2,
      code: 'E_EXPERIMENT_FIGURE',
      expected: expect.stringContaining('cosines.AV_OUT'),
    });
  });

  it('arms that were read by different reconstructors, unless that is meant', async () => {
    const own = experiment.replace('shared: {}\n', '').replace('x: 4, set: {', 'x: 4, set: { seed: 9,');
    expect(await refused(own)).toMatchObject({ exit: 2, code: 'E_EXPERIMENT_RECONSTRUCTOR' });
    await write(`${own}matchedReconstructor: false\n`);
    expect(await run()).toMatchObject({ code: 0 });
  });

  it('a threshold that was changed after measuring, unless the change may be stated', async () => {
    await run();
    const moved = experiment.replace('atLeast: 0.05', 'atLeast: 0.01');
    expect(await refused(moved)).toMatchObject({ exit: 2, code: 'E_EXPERIMENT_CHANGED', fix: expect.stringContaining('--amend') });
    expect(await run('--amend')).toMatchObject({ code: 0 });
    expect((await result()).registration.amended).toHaveLength(1);
    expect(await readFile(join(place, 'runs/more-steps/result/README.md'), 'utf8')).toContain('was changed');
    // It stays on record.
    expect(await run()).toMatchObject({ code: 0 });
    expect((await result()).registration.amended).toHaveLength(1);
  });

  it('an arm whose run was made with other settings', async () => {
    await run();
    expect(await refused(experiment.replace('steps: 4', 'steps: 5'))).toMatchObject({
      exit: 2,
      code: 'E_RUN_EXISTS',
      found: expect.stringContaining('trainers.av.options.steps: 4 → 5'),
    });
  });
});
