import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeedStreams, readEvents, type RunHost } from '@nlakit/run';
import { readSidecar } from '@nlakit/sidecar';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeConfig, fakeHost, type FakeJournal } from '../../../run/src/test-support/fake-plugins.js';
import { expectWholeCheckpoints, hashesOf } from '../../test/support/run-files.js';
import { runIn } from '../../test/support/run-in.js';

let place: string;
let journal: FakeJournal;

async function nla(args: readonly string[], host: RunHost = fakeHost(journal)) {
  const { code, out, error } = await runIn(place, [...args, '--json'], host);
  return { code, error, json: JSON.parse(out) as { error?: Record<string, string> } & Record<string, unknown> };
}

/** `nla train` in a run folder of its own. */
const train = (folder: string, ...args: readonly string[]) => nla(['train', 'nla.config.yaml', '--run-dir', folder, ...args]);

/** Reads where `command` stops with an error, and leaves what is there as it is. */
async function refused(folder: string, ...args: readonly string[]) {
  const kept = ['resume', 'trajectory', 'reconstructor', 'data'];
  const before = await hashesOf(join(place, folder), kept);
  const { code, json } = await train(folder, ...args);
  expect(await hashesOf(join(place, folder), kept)).toEqual(before);
  expect(await readdir(join(place, folder))).not.toContain('run.lock');
  return { exit: code, ...json.error, file: json.error?.['file'] };
}

const published = (folder: string) => hashesOf(join(place, folder), ['trajectory', 'reconstructor']);

beforeAll(async () => {
  // Runs of one date, so that their bytes can be compared.
  vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
  place = await mkdtemp(join(tmpdir(), 'nla-train-'));
  await writeFile(join(place, 'nla.config.yaml'), fakeConfig);
  journal = { done: [] };
  expect(await train('whole')).toMatchObject({ code: 0 });
  expect(await train('stopped', '--until-step', '3')).toMatchObject({ code: 0 });
});
beforeEach(() => {
  journal = { done: [] };
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

let copies = 0;
/** A run of its own that was stopped at step 3 of the AV, with the states of steps 2 and 3. */
async function stopped(): Promise<string> {
  copies += 1;
  await cp(join(place, 'stopped'), join(place, `stopped-${copies}`), { recursive: true });
  return `stopped-${copies}`;
}

describe('nla train', () => {
  it('writes the same bytes twice, and another seed others', async () => {
    expect(await train('again')).toMatchObject({ code: 0 });
    expect(await published('again')).toEqual(await published('whole'));
    expect(await train('seeded', '--set', 'seed=8')).toMatchObject({ code: 0 });
    const adapter = 'trajectory/step_000005/adapter_model.safetensors';
    expect((await published('seeded'))[adapter]).not.toBe((await published('whole'))[adapter]);
  });

  it('goes on from the step it was stopped at', async () => {
    const folder = await stopped();
    expect(await expectWholeCheckpoints(join(place, folder))).toBe(2 + 2 + 1 + 2);
    expect(await train(folder, '--resume')).toMatchObject({ code: 0, json: { step: 5, complete: true } });
    expect(await published(folder)).toEqual(await published('whole'));
  });

  it('removes states that are not needed any more, as many as it is told, and never a checkpoint', async () => {
    const states = async (folder: string) => await readdir(join(place, folder, 'resume/av'));
    expect(await states('whole')).toEqual(['step_000004', 'step_000005']);
    for (const [keep, kept] of [
      ['1', ['step_000005']],
      ['9', ['step_000002', 'step_000004', 'step_000005']],
    ] as const) {
      expect(await train(`kept-${keep}`, '--keep-resume', keep)).toMatchObject({ code: 0 });
      expect(await states(`kept-${keep}`)).toEqual(kept);
      expect(await published(`kept-${keep}`)).toEqual(await published('whole'));
    }
    expect((await train('kept-0', '--keep-resume', '0')).json.error).toMatchObject({ code: 'E_USAGE' });
  });
});

describe('a damaged state', () => {
  const random = createSeedStreams(4).stream('damage');
  const files = ['state.json', 'state.safetensors', 'SHA256SUMS'];
  const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
    async flipped(file) {
      const bytes = await readFile(file);
      const at = random.integer(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(7));
      await writeFile(file, bytes);
    },
    truncated: async (file) => truncate(file, random.integer((await readFile(file)).length)),
    missing: (file) => rm(file),
  };

  for (const [kind, damage] of Object.entries(damages)) {
    for (const name of files) {
      it(`is refused with ${name} ${kind}, and an earlier one is taken only on request`, async () => {
        const folder = await stopped();
        const file = join(place, folder, 'resume/av/step_000003', name);
        await damage(file);
        const error = await refused(folder, '--resume');
        expect(error).toMatchObject({ exit: 2, code: 'E_RESUME', fix: expect.stringMatching(/--resume-from 2[\s\S]*Whole states: 2/) });
        expect(error.file).toContain('resume/av/step_000003');
        expect(await train(folder, '--role', 'av', '--resume-from', '2')).toMatchObject({ code: 0, json: { step: 5 } });
        expect(await published(folder)).toEqual(await published('whole'));
        expect(await expectWholeCheckpoints(join(place, folder))).toBe(9);
      });
    }
  }

  it('of the role that is trained second is noticed before the first is trained', async () => {
    expect(await train('both-stopped', '--until-step', '2')).toMatchObject({ code: 0 });
    await truncate(join(place, 'both-stopped/resume/av/step_000002/state.safetensors'), 40);
    // `refused` sees to it that no checkpoint was made.
    expect(await refused('both-stopped', '--resume')).toMatchObject({ code: 'E_RESUME', file: expect.stringContaining('resume/av') });
    expect(await readdir(join(place, 'both-stopped/resume/ar'))).toEqual(['step_000002']);
  });

  it('without a whole one before it lets the role begin anew, to the same bytes', async () => {
    const folder = await stopped();
    for (const step of ['step_000002', 'step_000003']) await rm(join(place, folder, 'resume/av', step, 'state.json'));
    expect(await refused(folder, '--resume')).toMatchObject({ code: 'E_RESUME', fix: expect.stringContaining('--resume-from 0') });
    expect(await train(folder, '--role', 'av', '--resume-from', '0')).toMatchObject({ code: 0, json: { step: 5 } });
    expect(await published(folder)).toEqual(await published('whole'));
  });

  it('of a step that does not exist is not taken for another one', async () => {
    const folder = await stopped();
    expect(await refused(folder, '--role', 'av', '--resume-from', '1')).toMatchObject({
      exit: 2,
      code: 'E_RESUME',
      found: expect.stringContaining('2, 3'),
    });
    expect(await refused(folder, '--resume-from', '2')).toMatchObject({ exit: 2, code: 'E_USAGE' });
  });

  it('of another run is refused', async () => {
    const folder = await stopped();
    expect(await train('other-seed', '--set', 'seed=9', '--until-step', '3')).toMatchObject({ code: 0 });
    await rm(join(place, folder, 'resume/av/step_000003'), { recursive: true });
    await cp(join(place, 'other-seed/resume/av/step_000003'), join(place, folder, 'resume/av/step_000003'), { recursive: true });
    expect(await refused(folder, '--resume')).toMatchObject({ code: 'E_RESUME', found: expect.stringContaining('another run') });
  });
});

describe('a run that has changed', () => {
  it('in its config is refused with what differs', async () => {
    const folder = await stopped();
    expect(await refused(folder, '--resume', '--set', 'trainers.av.options.saveEvery=1')).toMatchObject({
      exit: 2,
      code: 'E_RUN_EXISTS',
      found: 'trainers.av.options.saveEvery: 2 → 1',
    });
  });

  it('in a data file, or in a split that lies elsewhere, is refused', async () => {
    const folder = await stopped();
    const file = join(place, folder, 'data/rows.txt');
    await writeFile(file, 'six rowz');
    expect(await refused(folder, '--resume')).toMatchObject({ exit: 2, code: 'E_DATA_CHANGED', file });
    await writeFile(file, 'six rows');
    journal.dataHash = 'another';
    expect(await refused(folder, '--resume')).toMatchObject({ exit: 2, code: 'E_DATA_CHANGED', found: expect.stringContaining('Sft') });
  });

  it('in its base model is refused', async () => {
    const folder = await stopped();
    journal.fingerprint = 'beef';
    expect(await refused(folder, '--resume')).toMatchObject({
      exit: 2,
      code: 'E_MODEL_CHANGED',
      found: expect.stringContaining('beef'),
      expected: expect.stringContaining('f00d'),
    });
    await writeFile(join(place, folder, 'model.json'), '{"name":');
    expect(await refused(folder, '--resume')).toMatchObject({ exit: 2, code: 'E_RUN_RECORD' });
  });

  it('in its backend goes on only if that is said, and says so itself', async () => {
    const folder = await stopped();
    const other = ['--backend', '@fake/other-backend'];
    expect(await refused(folder, '--resume', ...other)).toMatchObject({
      exit: 2,
      code: 'E_BACKEND_CHANGED',
      found: 'backend.name: "@fake/backend" → "@fake/other-backend"',
      fix: expect.stringContaining('--allow-backend-change'),
    });
    // Nothing else may change at the same time.
    expect(await refused(folder, '--resume', ...other, '--allow-backend-change', '--set', 'seed=1')).toMatchObject({
      code: 'E_RUN_EXISTS',
    });

    const record = await readFile(join(place, folder, 'run.json'), 'utf8');
    const { code, error } = await train(folder, '--resume', '--until-step', '4', ...other, '--allow-backend-change');
    expect({ code, error }).toMatchObject({ code: 0, error: expect.stringContaining('W_BACKEND_CHANGED') });
    expect(await readFile(join(place, folder, 'run.json'), 'utf8')).toBe(record);
    const events = await readEvents(join(place, folder, 'events.jsonl'));
    expect(events.filter(({ type }) => type === 'backend')).toMatchObject([
      { type: 'backend', from: { name: '@fake/backend' }, to: { name: '@fake/other-backend' } },
    ]);

    // From now on the other one is the run's own; going back has to be said again.
    expect(await refused(folder, '--resume')).toMatchObject({ code: 'E_BACKEND_CHANGED' });
    expect(await train(folder, '--resume', ...other)).toMatchObject({ code: 0, json: { step: 5 } });
    const sidecar = async (step: string) => {
      const read = await readSidecar(join(place, folder, `trajectory/step_${step}/nla_meta.yaml`));
      if (read.kind !== 'nla_model') throw new Error('no model sidecar');
      return read.training;
    };
    expect(await sidecar('000002')).toMatchObject({ backend: '@fake/backend 1.0.0' });
    expect(await sidecar('000002')).not.toHaveProperty('backend_changes');
    for (const step of ['000004', '000005']) {
      expect(await sidecar(step)).toMatchObject({
        backend: '@fake/other-backend 1.0.0',
        backend_changes: [
          { after_step: 0, backend: '@fake/backend 1.0.0', engine: 'fake engine' },
          { after_step: 3, backend: '@fake/other-backend 1.0.0', engine: 'other engine' },
        ],
      });
    }
    // An evaluation from the run's record alone uses the backend that the run is at.
    const evaluated = await nla(['eval', folder, '--steps', '5']);
    expect(evaluated).toMatchObject({ code: 0, error: expect.not.stringContaining('Not as in the run') });
  });
});

describe('a folder that cannot be written', () => {
  it.skipIf(process.platform !== 'linux')('is named, with what to do', async () => {
    const { code, json } = await train('/proc/nla-run');
    expect(code).toBe(1);
    expect(json.error).toMatchObject({ code: 'E_WRITE', file: '/proc/nla-run' });
  });
});
