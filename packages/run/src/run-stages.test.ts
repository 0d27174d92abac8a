import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSidecar, readSidecar, writeModelSidecar } from '@nlakit/sidecar';
import { describe, expect, it } from 'vitest';
import {
  buildRelease,
  openRun,
  parseOverride,
  readEvents,
  reopenSession,
  runAllStages,
  runDataStage,
  runEvalStage,
  runTrainStage,
  silentLogger,
  startSession,
  type RunSession,
  type StoredEvaluation,
} from './index.js';
import { holdBaseModel } from './base-model.js';
import { fakeConfig, fakeHost, type FakeJournal } from './test-support/fake-plugins.js';

interface Workplace {
  readonly config: string;
  readonly folder: string;
  readonly journal: FakeJournal & { afterStep?: (role: string, step: number) => void };
  open(options?: { readonly signal?: AbortSignal; readonly set?: readonly string[]; readonly folder?: string }): Promise<RunSession>;
}

async function workplace(text = fakeConfig): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), 'nla-run-'));
  const config = join(root, 'nla.config.yaml');
  await writeFile(config, text);
  const journal: Workplace['journal'] = { done: [] };
  const folder = join(root, 'runs/one');
  return {
    config,
    folder,
    journal,
    open: (options = {}) =>
      startSession(config, {
        host: fakeHost(journal),
        runFolder: options.folder ?? folder,
        resumeCommand: 'nla train x --resume',
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.set === undefined ? {} : { overrides: options.set.map(parseOverride) }),
      }),
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Hashes of every file below a folder. */
async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length + 1)] = sha256(await readFile(path));
  }
  return found;
}

const report = (folder: string) => writeFile(join(folder, 'report-made'), '').then(() => ({ files: [join(folder, 'report-made')] }));

describe('runAllStages', () => {
  it('makes a whole run, then finds it done', async () => {
    const { open, folder, journal } = await workplace();
    const result = await runAllStages(await open(), report);
    expect(result.trained.map(({ role, step, complete }) => [role, step, complete])).toEqual([
      ['ar', 3, true],
      ['av', 5, true],
    ]);
    expect(await readdir(join(folder, 'trajectory'))).toEqual(['step_000002', 'step_000004', 'step_000005']);
    expect(await readdir(join(folder, 'trajectory/step_000005'))).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'nla_meta.yaml',
    ]);
    expect(await readdir(join(folder, 'reconstructor/step_000003'))).toContain('value_head.safetensors');
    expect((await readdir(join(folder, 'resume/av'))).sort()).toEqual(['step_000004', 'step_000005']);
    expect(result.evaluations.map(({ evaluation }) => evaluation.step)).toEqual([2, 4, 5]);

    const before = journal.done.length;
    const again = await runAllStages(await open(), report);
    expect(again.trained.every(({ skipped }) => skipped)).toBe(true);
    expect(again.evaluations.every(({ skipped }) => skipped)).toBe(true);
    expect(journal.done.length).toBe(before);
  });

  it('lets the trainer whose turn comes later refuse before the first one begins', async () => {
    const place = await workplace();
    const asked: string[] = [];
    place.journal.check = (role) => {
      asked.push(role);
      throw new Error('the guard says no');
    };
    const session = await place.open();
    await expect(runAllStages(session)).rejects.toThrow('the guard says no');
    await session.dispose();
    expect(asked).toEqual(['av']);
    expect((await readEvents(join(place.folder, 'events.jsonl'))).some(({ stage }) => stage === 'train')).toBe(false);

    // What is trained already is not asked: the AV's own training will refuse.
    delete place.journal.check;
    const going = await place.open();
    await runDataStage(going);
    await runTrainStage(going, { role: 'ar' });
    await going.dispose();
    place.journal.check = (role) => asked.push(role);
    const rest = await place.open();
    await runAllStages(rest);
    await rest.dispose();
    expect(asked).toEqual(['av']);
  });

  it('makes the evaluators before it trains, so that what they lack is known early', async () => {
    const place = await workplace();
    place.journal.makeEvaluator = () => {
      throw new Error('there is no key');
    };
    const session = await place.open();
    await expect(runAllStages(session)).rejects.toThrow('there is no key');
    await session.dispose();
    expect((await readEvents(join(place.folder, 'events.jsonl'))).some(({ stage }) => stage === 'train')).toBe(false);
  });

  it('writes sidecars that say what was trained on what, and hash the adapter', async () => {
    const { open, folder } = await workplace();
    await runAllStages(await open());
    const sidecar = await readSidecar(join(folder, 'trajectory/step_000004/nla_meta.yaml'));
    expect(sidecar).toMatchObject({
      kind: 'nla_model',
      role: 'av',
      layer: 2,
      dModel: 4,
      injectionScale: 2,
      step: 4,
      adapter: { r: 2, alpha: 4, trainable_params: 16 },
      training: { lr: 0.001, seed: 7, base_model_fingerprint: 'f00d' },
      trainingData: { dataset_id: 'fake-data', sha256: 'hash-of-avSft', n_rows: 6 },
      guard: { verdict: 'accepted', override: false },
    });
    if (sidecar.kind !== 'nla_model') throw new Error('no model sidecar');
    const { baselines } = sidecar;
    expect(baselines?.rawvar).toBeCloseTo(1 - (baselines?.rho ?? 0) ** 2, 12);
    const adapter = await readFile(join(folder, 'trajectory/step_000004/adapter_model.safetensors'));
    expect(sidecar.contentHash?.['adapter_model.safetensors']).toBe(createHash('sha256').update(adapter).digest('hex'));
    const ar = await readSidecar(join(folder, 'reconstructor/step_000003/nla_meta.yaml'));
    expect(ar).toMatchObject({ role: 'ar', injectionScale: null });
  });
});

describe('resuming', () => {
  for (const [killedAt, kept] of [
    [1, ['step_000001']],
    [3, ['step_000002', 'step_000003']],
    [4, ['step_000002', 'step_000004']],
  ] as const) {
    it(`after a stop at step ${killedAt} gives the bytes of a run that never stopped`, async () => {
      const { open, folder, journal } = await workplace();
      await runDataStage(await open());
      // Two runs differ in their time stamp; here the second one is a copy of the first one's start.
      const whole = `${folder}-whole`;
      await copyFolder(folder, whole);
      await runTrainStage(await open({ folder: whole }), { role: 'av' });

      const controller = new AbortController();
      journal.afterStep = (role, step) => {
        if (role === 'av' && step === killedAt) controller.abort();
      };
      const interrupted = await runTrainStage(await open({ signal: controller.signal }), { role: 'av' }).catch((error: unknown) => error);
      expect(interrupted).toMatchObject({ code: 'E_INTERRUPTED' });
      expect(String((interrupted as Error).message)).toMatch(
        new RegExp(`step ${killedAt} of the AV is saved[\\s\\S]*nla train x --resume`),
      );
      expect(await readdir(join(folder, 'trajectory'))).not.toContain('step_000005');
      expect(await readdir(join(folder, 'resume/av'))).toEqual(kept);
      delete journal.afterStep;

      const result = await runTrainStage(await open(), { role: 'av', resume: true });
      expect(result).toMatchObject({ step: 5, complete: true, skipped: false });
      expect(await hashes(join(folder, 'trajectory'))).toEqual(await hashes(join(whole, 'trajectory')));
      const state = 'step_000005/state.safetensors';
      expect((await hashes(join(folder, 'resume/av')))[state]).toBe((await hashes(join(whole, 'resume/av')))[state]);
      const steps = (await readEvents(join(folder, 'events.jsonl'))).flatMap((event) =>
        event.stage === 'train' && event.type === 'step' ? [event.step] : [],
      );
      expect(steps).toEqual([1, 2, 3, 4, 5]);
    });
  }

  it('writes a step again that was killed between its folder and its state', async () => {
    const { open, folder } = await workplace();
    await runDataStage(await open());
    await runTrainStage(await open(), { role: 'av', untilStep: 2 });
    const two = await hashes(join(folder, 'trajectory'));
    await runTrainStage(await open(), { role: 'av', resume: true, untilStep: 4 });
    const four = await hashes(join(folder, 'trajectory'));
    await rm(join(folder, 'resume/av/step_000004'), { recursive: true });
    expect(await readdir(join(folder, 'resume/av'))).toEqual(['step_000002']);
    await runTrainStage(await open(), { role: 'av', resume: true, untilStep: 4 });
    expect(await hashes(join(folder, 'trajectory'))).toEqual(four);
    expect(four['step_000002/nla_meta.yaml']).toBe(two['step_000002/nla_meta.yaml']);
  });

  it('stops at a step and goes on from it', async () => {
    const { open, folder } = await workplace();
    await runDataStage(await open());
    expect(await runTrainStage(await open(), { role: 'av', untilStep: 3 })).toMatchObject({ step: 3, complete: false });
    expect(await readdir(join(folder, 'trajectory'))).toEqual(['step_000002']);
    expect(await readdir(join(folder, 'resume/av'))).toEqual(['step_000002', 'step_000003']);
    await expect(runTrainStage(await open(), { role: 'av' })).rejects.toMatchObject({ code: 'E_RUN_EXISTS' });
    expect(await runTrainStage(await open(), { role: 'av', resume: true })).toMatchObject({ step: 5, complete: true });
    expect(await runTrainStage(await open(), { role: 'av', resume: true })).toMatchObject({ skipped: true });
  });

  it('names the file of a damaged state', async () => {
    const { open, folder } = await workplace();
    await runTrainStage(await open(), { role: 'av', untilStep: 3 });
    await writeFile(join(folder, 'resume/av/step_000003/state.json'), '{');
    await expect(runTrainStage(await open(), { role: 'av', resume: true })).rejects.toMatchObject({
      code: 'E_RESUME',
      details: { file: join(folder, 'resume/av/step_000003/state.json'), fix: expect.stringContaining('--resume-from 2') },
    });
  });
});

describe('the run folder', () => {
  it('is refused to another run, which is told what differs', async () => {
    const { open, folder } = await workplace();
    await open();
    const before = await readFile(join(folder, 'run.json'), 'utf8');
    const error = await open({ set: ['trainers.av.options.steps=9'] }).catch((found: unknown) => found);
    expect(error).toMatchObject({ code: 'E_RUN_EXISTS', details: { kind: 'input' } });
    expect((error as Error).message).toContain('trainers.av.options.steps: 5 → 9');
    expect(await readFile(join(folder, 'run.json'), 'utf8')).toBe(before);
  });

  it('is refused where something else lies, and where a file is in the way', async () => {
    const { open, folder, config } = await workplace();
    await expect(open({ folder: join(folder, '../..') })).rejects.toMatchObject({ code: 'E_RUN_EXISTS' });
    await expect(open({ folder: join(config, 'run') })).rejects.toMatchObject({
      code: 'E_WRITE',
      details: { file: expect.stringContaining('nla.config.yaml') },
    });
  });

  it('shows no half-written checkpoint when writing fails', async () => {
    const { open, folder } = await workplace();
    const session = await open();
    await runDataStage(session);
    await writeFile(join(folder, 'trajectory'), 'in the way');
    await expect(runTrainStage(session, { role: 'av' })).rejects.toMatchObject({
      code: 'E_WRITE',
      details: { file: expect.stringContaining('trajectory') },
    });
    await rm(join(folder, 'trajectory'));
    await rm(join(folder, 'resume'), { recursive: true, force: true });
    await writeFile(join(folder, 'resume'), 'in the way');
    await expect(runTrainStage(await open(), { role: 'av' })).rejects.toMatchObject({ code: 'E_WRITE' });
    const left = await readdir(join(folder, 'trajectory')).catch(() => []);
    expect(left.filter((name) => !/^step_\d{6}$/.test(name))).toEqual([]);
  });

  it('notices data that changed under an interrupted run', async () => {
    const { open, journal } = await workplace();
    await runTrainStage(await open(), { role: 'av', untilStep: 3 });
    journal.dataHash = 'another';
    await expect(runTrainStage(await open(), { role: 'av', resume: true })).rejects.toMatchObject({
      code: 'E_DATA_CHANGED',
      details: { found: expect.stringContaining('another'), expected: expect.stringContaining('hash-of-avSft') },
    });
  });

  it('can be moved and reopened from its run.json', async () => {
    const { open, folder, journal } = await workplace();
    await runAllStages(await open());
    const session = await reopenSession(folder, { host: fakeHost(journal) });
    expect(session.record.hash).toBe((await open()).record.hash);
    const [result] = await runEvalStage(session, { evaluator: 'h5', steps: [4], rows: 7 });
    expect(result).toMatchObject({ skipped: false, evaluation: { step: 4, requestedRows: 7 } });
    expect(result?.evaluation.rows).toHaveLength(7);
    await expect(runEvalStage(session, { steps: [3] })).rejects.toMatchObject({ code: 'E_STEP_MISSING' });
    await expect(runEvalStage(session, { evaluator: 'x' })).rejects.toMatchObject({ code: 'E_EVALUATOR_UNKNOWN' });
    await expect(reopenSession(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'E_RUN_MISSING' });
  });

  it('never takes an evaluation under other settings for one of its own', async () => {
    const { open, folder, journal } = await workplace();
    await runAllStages(await open());
    const host = fakeHost(journal);
    const evaluate = async (set: readonly string[]) => {
      const session = await reopenSession(folder, { host, overrides: set.map(parseOverride) });
      const [result] = await runEvalStage(session, { steps: [4] });
      return { skipped: result?.skipped, options: result?.evaluation.options, departures: result?.evaluation.departures };
    };
    expect(await evaluate([])).toEqual({ skipped: true, options: { rows: 3 } });
    expect(await evaluate(['evaluators.h5.options.rows=2'])).toEqual({ skipped: false, options: { rows: 2 } });
    expect(await evaluate(['evaluators.h5.options.rows=2'])).toMatchObject({ skipped: true });
    expect(await evaluate(['model.options.source=y'])).toEqual({
      skipped: false,
      options: { rows: 3 },
      departures: ['model.options.source: "x" → "y"'],
    });
    expect(await evaluate([])).toMatchObject({ skipped: false, options: { rows: 3 } });
  });

  it('can be measured by an evaluator that its config does not name', async () => {
    const { open, folder, journal } = await workplace();
    await runAllStages(await open());
    const warnings: string[] = [];
    const session = await reopenSession(folder, {
      host: fakeHost(journal),
      evaluators: [{ id: 'later', use: '@fake/evaluator' }],
      log: { ...silentLogger, warn: (message) => warnings.push(message) },
    });
    expect(warnings).toEqual([]);
    const results = await runEvalStage(session, { evaluator: 'later', steps: [2] });
    expect(results.map(({ file }) => file)).toEqual([join(folder, 'eval/later/step_000002.json')]);
  });
});

describe('buildRelease', () => {
  it('takes what may be published and nothing else', async () => {
    const { open, folder } = await workplace();
    await runAllStages(await open());
    const run = await openRun(folder);
    await expect(buildRelease(run, 'me/nla')).rejects.toMatchObject({ code: 'E_REPORT_MISSING' });
    await rename(join(folder, 'trajectory'), join(folder, 'kept'));
    await expect(buildRelease(run, 'me/nla')).rejects.toMatchObject({ code: 'E_STEP_MISSING' });
    await rename(join(folder, 'kept'), join(folder, 'trajectory'));
    await runAllStages(await open(), async (runFolder) => {
      const { mkdir } = await import('node:fs/promises');
      await mkdir(join(runFolder, 'report'), { recursive: true });
      await writeFile(join(runFolder, 'report/README.md'), '# card');
      return { files: [] };
    });
    const release = await buildRelease(run, 'me/nla');
    const paths = release.files.map(({ path }) => path);
    expect(paths).toContain('README.md');
    expect(paths).toContain('trajectory/step_000002/adapter_model.safetensors');
    expect(paths).toContain('reconstructor/step_000003/value_head.safetensors');
    expect(paths).toContain('eval/h5/step_000005.json');
    expect(paths.filter((path) => /resume|events|run\.json|manifest/.test(path))).toEqual([]);
    expect(release.baseModel).toBe('fake/base');
    expect((await run.evaluations()).length).toBe(3);
  });

  it('puts what was measured of a step into the published copy of its sidecar, and changes nothing else', async () => {
    const { open, folder, journal } = await workplace();
    journal.measure = (step) => ({ summary: { differences: { SHUFFLED: { value: step / 10 } } } });
    await runAllStages(await open(), async (runFolder) => {
      const { mkdir } = await import('node:fs/promises');
      await mkdir(join(runFolder, 'report'), { recursive: true });
      await writeFile(join(runFolder, 'report/README.md'), '# card');
      return { files: [] };
    });
    const publishedSidecar = async () => {
      const { files } = await buildRelease(await openRun(folder), 'me/nla');
      const { source } = files.find(({ path }) => path === 'trajectory/step_000004/nla_meta.yaml') ?? {};
      return source !== undefined && 'content' in source ? source.content : '';
    };
    const sidecarFile = join(folder, 'trajectory/step_000004/nla_meta.yaml');
    const trained = await readFile(sidecarFile, 'utf8');
    const published = parseSidecar(await publishedSidecar(), sidecarFile);
    if (published.kind !== 'nla_model') throw new Error('no model sidecar');
    const evaluationFile = join(folder, 'eval/h5/step_000004.json');
    expect(published.evaluations).toMatchObject({
      h5: {
        evaluator: '@fake/evaluator',
        summary: { differences: { SHUFFLED: { value: 0.4 } } },
        rows: 2,
        file: 'eval/h5/step_000004.json',
        file_sha256: sha256(await readFile(evaluationFile)),
        measured_sidecar_sha256: sha256(Buffer.from(trained)),
      },
    });
    expect(writeModelSidecar({ ...published, evaluations: null })).toBe(trained);

    // An evaluation of other weights under this step is not one of these.
    const stored = JSON.parse(await readFile(evaluationFile, 'utf8')) as StoredEvaluation;
    await writeFile(evaluationFile, JSON.stringify({ ...stored, checkpoint: { step: 4, sha256: 'of another run' } }));
    expect(await publishedSidecar()).toBe(trained);
  });
});

describe('a reconstructor taken over from another run', () => {
  it('is copied, not trained, and measured with', async () => {
    const first = await workplace();
    await runAllStages(await first.open());
    const trained = join(first.folder, 'reconstructor/step_000003');
    const second = await workplace(
      fakeConfig
        .replace('  ar: { use: "@fake/trainer#ar", options: { steps: 3 } }\n', '')
        .replace('publisher:', `reconstructor: ${trained}\npublisher:`),
    );
    const result = await runAllStages(await second.open());
    expect(result.trained.map(({ role }) => role)).toEqual(['av']);
    expect(result.evaluations.length).toBeGreaterThan(0);
    expect(await hashes(join(second.folder, 'reconstructor/step_000003'))).toEqual(await hashes(trained));
    expect((await reopenSession(second.folder, { host: fakeHost() })).departures).toEqual([]);
  });

  it('must be a reconstructor, and must not be trained as well', async () => {
    const first = await workplace();
    await runAllStages(await first.open());
    const both = await workplace(
      fakeConfig.replace('publisher:', `reconstructor: ${join(first.folder, 'reconstructor/step_000003')}\npublisher:`),
    );
    await expect(both.open()).rejects.toThrow(/not both/);
    const without = fakeConfig.replace('  ar: { use: "@fake/trainer#ar", options: { steps: 3 } }\n', '');
    const verbalizer = await workplace(
      without.replace('publisher:', `reconstructor: ${join(first.folder, 'trajectory/step_000004')}\npublisher:`),
    );
    await expect(verbalizer.open()).rejects.toMatchObject({ code: 'E_RECONSTRUCTOR' });
    const nowhere = await workplace(without.replace('publisher:', 'reconstructor: ./nowhere\npublisher:'));
    await expect(nowhere.open()).rejects.toThrow(/nla\.config\.yaml:\d+:\d+[\s\S]*nowhere/);
    const early = await workplace(without.replace('publisher:', 'reconstructor: ./runs/other/reconstructor/step_000003\npublisher:'));
    await expect(early.open()).rejects.toThrow(/does not exist \(yet\)[\s\S]*Make the run it belongs to first \(other\)/);
  });
});

describe('the base model of a run', () => {
  it('is held: other weights under the same name are refused', async () => {
    const { folder } = await workplace();
    await holdBaseModel(folder, { name: 'm', fingerprint: 'a' }, { sha256: 'hash of the tokenizer' });
    await holdBaseModel(folder, { name: 'm', fingerprint: 'a' });
    await expect(holdBaseModel(folder, { name: 'm', fingerprint: 'b' })).rejects.toMatchObject({ code: 'E_MODEL_CHANGED' });
    expect(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'))).toEqual({
      name: 'm',
      fingerprint: 'a',
      tokenizer: 'hash of the tokenizer',
    });
  });
});

async function copyFolder(from: string, to: string): Promise<void> {
  const { cp } = await import('node:fs/promises');
  await cp(from, to, { recursive: true });
}
