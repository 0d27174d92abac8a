import { mkdir, mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plugin as directoryPublisher } from '@nlakit/publisher-directory';
import { readConfig, type RunHost } from '@nlakit/run';
import { writeSafetensors } from '@nlakit/safetensors';
import { describe, expect, it } from 'vitest';
import { fakeConfig, fakeHost, type FakeJournal } from '../../run/src/test-support/fake-plugins.js';
import { runCli, type CliIo } from './index.js';

interface TrainerSlots {
  readonly ar: { readonly options: object };
  readonly av: { readonly options: object };
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  json(): Record<string, unknown>;
}

interface Workplace {
  readonly folder: string;
  readonly journal: FakeJournal;
  nla(args: readonly string[], options?: { readonly signal?: AbortSignal; readonly host?: RunHost }): Promise<Outcome>;
}

async function workplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'nla-cli-'));
  await writeFile(join(folder, 'nla.config.yaml'), fakeConfig);
  const journal: FakeJournal = { done: [] };
  const fakes = fakeHost(journal);
  const host: RunHost = {
    ...fakes,
    bundled: (specifier) =>
      specifier === '@nlakit/publisher-directory'
        ? Promise.resolve({ plugin: directoryPublisher })
        : (fakes.bundled?.(specifier) ?? Promise.reject(new Error())),
  };
  return {
    folder,
    journal,
    async nla(args, options = {}) {
      let out = '';
      let error = '';
      const io: CliIo = {
        out: (text) => (out += text),
        error: (text) => (error += text),
        terminal: false,
        interactive: false,
        color: false,
        columns: 80,
        cwd: folder,
        signal: options.signal ?? new AbortController().signal,
      };
      const code = await runCli(args, io, options.host ?? host);
      return { code, out, error, json: () => JSON.parse(out) as Record<string, unknown> };
    },
  };
}

describe('nla', () => {
  it('answers help and version with 0, and wrong usage with 2', async () => {
    const { nla } = await workplace();
    expect(await nla(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('validate') });
    expect((await nla(['--version'])).code).toBe(0);
    for (const args of [['nonsense'], ['validate'], ['train', 'nla.config.yaml', '--role', 'x'], []]) {
      expect((await nla(args)).code).toBe(2);
    }
    const json = await nla(['validate', '--json']);
    expect(json.code).toBe(2);
    expect(json.json()).toMatchObject({ error: { code: 'E_USAGE' } });
  });

  it('validates', async () => {
    const { nla, folder } = await workplace();
    expect(await nla(['validate', 'nla.config.yaml'])).toMatchObject({ code: 0, out: expect.stringContaining('is valid') });
    expect((await nla(['validate', 'nla.config.yaml', '--json'])).json()).toMatchObject({ ok: true, issues: [] });
    await writeFile(join(folder, 'bad.yaml'), fakeConfig.replace('steps: 5', 'steps: many'));
    const bad = await nla(['validate', 'bad.yaml', '--json']);
    expect(bad.code).toBe(2);
    expect(bad.json()).toMatchObject({
      ok: false,
      issues: [{ code: 'E_OPTION', path: 'trainers.av.options.steps', line: 13, column: 14 }],
    });
    expect((await nla(['validate', 'bad.yaml'])).out).toMatch(/bad\.yaml:13:14/);
    expect((await nla(['validate', 'nla.config.yaml', '--set', 'seed=-1'])).code).toBe(2);
  });

  it('builds data and trains; stops at Ctrl-C with 130 and says how to go on', async () => {
    const { nla, journal, folder } = await workplace();
    expect((await nla(['data', 'build', 'nla.config.yaml', '--json'])).json()).toMatchObject({ skipped: false, datasetId: 'fake-data' });
    const controller = new AbortController();
    journal.afterStep = (role, step) => {
      if (role === 'av' && step === 3) controller.abort();
    };
    const stopped = await nla(['train', 'nla.config.yaml', '--role', 'av'], { signal: controller.signal });
    expect(stopped.code).toBe(130);
    expect(stopped.error).toContain('nla train nla.config.yaml --resume');
    delete journal.afterStep;
    const refused = await nla(['train', 'nla.config.yaml', '--role', 'av', '--json']);
    expect(refused.code).toBe(2);
    expect(refused.json()).toMatchObject({ error: { code: 'E_RUN_EXISTS' } });
    const resumed = await nla(['train', 'nla.config.yaml', '--role', 'av', '--resume', '--json']);
    expect(resumed.code).toBe(0);
    expect(resumed.json()).toMatchObject({ role: 'av', step: 5, complete: true });
    expect(await readdir(join(folder, 'runs/fake-run/trajectory'))).toHaveLength(3);
  });

  it('evaluates a run and a step folder, and publishes', async () => {
    const { nla, folder } = await workplace();
    expect((await nla(['train', 'nla.config.yaml', '--run-dir', 'here'])).code).toBe(0);
    const evaluated = await nla(['eval', 'here', '--evaluator', 'h5', '--steps', '2,4', '--json']);
    expect(evaluated.json()).toMatchObject({ evaluations: [{ step: 2 }, { step: 4 }] });
    expect((await nla(['eval', 'here/trajectory/step_000005', '--json', '--rows', '4'])).json()).toMatchObject({ step: 5, id: 'h5' });
    expect((await nla(['eval', 'here', '--steps', '3'])).code).toBe(2);
    expect((await nla(['eval', 'here', '--rows', 'x'])).code).toBe(2);
    const added = await nla(['eval', 'here', '--evaluator', '@fake/evaluator#plugin', '--steps', '4', '--json']);
    expect(added.json()).toMatchObject({ id: 'plugin', step: 4 });
    const unknown = await nla(['eval', 'here', '--evaluator', 'nothing', '--json']);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.json()).toMatchObject({ error: { code: 'E_PLUGIN_UNKNOWN', expected: expect.stringContaining('h5') } });
    expect((await nla(['eval', 'nowhere', '--json'])).json()).toMatchObject({ error: { code: 'E_RUN_MISSING' } });

    expect((await nla(['publish', 'here', '--to', 'directory', '--json'])).json()).toMatchObject({ error: { code: 'E_REPORT_MISSING' } });
    await mkdir(join(folder, 'here/report'));
    await writeFile(join(folder, 'here/report/README.md'), '# card\n');
    const dry = await nla(['publish', 'here', '--to', 'directory', '--repo', 'me/nla', '--dry-run', '--json']);
    expect(dry.json()).toMatchObject({ dryRun: true, repository: 'me/nla' });
    await expect(readdir(join(folder, 'published'))).rejects.toThrow();
    const done = await nla(['publish', 'here', '--to', 'directory', '--repo', 'me/nla']);
    expect(done.code).toBe(0);
    expect(await readFile(join(folder, 'published/me/nla/README.md'), 'utf8')).toBe('# card\n');
    expect(await readdir(join(folder, 'published/me/nla/trajectory'))).toHaveLength(3);
    expect((await nla(['publish', 'here', '--to', 'nothing'])).code).toBe(2);

    const elsewhere = ['publish', 'here', '--to', 'directory', '--repo', 'me/nla', '--set'];
    expect((await nla([...elsewhere, 'publisher.options.to=./other'])).code).toBe(0);
    expect(await readdir(join(folder, 'other/me/nla'))).toContain('trajectory');
    expect((await nla([...elsewhere, 'seed=3', '--json'])).json()).toMatchObject({ error: { code: 'E_USAGE', found: 'seed' } });
  });

  it('looks into files and refuses damaged ones with 2', async () => {
    const { nla, folder } = await workplace();
    await writeSafetensors(join(folder, 'x.safetensors'), new Map([['v', { shape: [2, 2], data: new Float32Array(4) }]]));
    expect((await nla(['inspect', 'safetensors', 'x.safetensors', '--json'])).json()).toMatchObject({
      tensors: { v: { dtype: 'F32', shape: [2, 2] } },
    });
    await writeFile(join(folder, 'bad.safetensors'), Buffer.alloc(8, 0xff));
    const bad = await nla(['inspect', 'safetensors', 'bad.safetensors', '--json']);
    expect(bad.code).toBe(2);
    expect((bad.json()['error'] as { code: string }).code).toMatch(/^E_SAFETENSORS/);
    expect((await nla(['inspect', 'safetensors', 'none.safetensors'])).code).toBe(2);
  });

  it('writes a new experiment and overwrites nothing', async () => {
    const { nla, folder } = await workplace();
    expect((await nla(['init', 'mine', '--name', 'first'])).code).toBe(0);
    expect(await readFile(join(folder, 'mine/nla.config.yaml'), 'utf8')).toContain('name: first');
    expect((await nla(['init', 'mine', '--json'])).json()).toMatchObject({ error: { code: 'E_FILE_EXISTS' } });
    expect((await nla(['init', 'other', '--name', 'a b'])).code).toBe(2);
  });

  it('starts new experiments with the settings of the quickstart', async () => {
    const { nla, folder } = await workplace();
    await nla(['init', 'mine']);
    const read = async (file: string) => (await readConfig(file)).value as Record<string, unknown>;
    const written = await read(join(folder, 'mine/nla.config.yaml'));
    const quickstart = await read(fileURLToPath(new URL('../../../examples/quickstart/nla.config.yaml', import.meta.url)));
    for (const slot of ['quantizer', 'injector', 'dataset']) expect(written[slot]).toEqual(quickstart[slot]);
    const [own, example] = [written, quickstart].map((config) => config['trainers'] as TrainerSlots);
    // The rest of the quickstart's options are defaults.
    for (const role of ['ar', 'av'] as const) expect(example?.[role]).toMatchObject(own?.[role] ?? {});
    expect(own?.av.options).toHaveProperty('acknowledgeGuard', true);
  });

  it('goes the whole way in one command, with the config that lies in the folder, and goes on where it was stopped', async () => {
    const { nla, folder, journal } = await workplace();
    const first = await nla(['quickstart', '.', '--json']);
    expect(first.code).toBe(0);
    expect(first.json()).toMatchObject({
      config: join(folder, 'nla.config.yaml'),
      run: join(folder, 'runs/quickstart'),
      evaluations: [{ evaluator: 'h5', step: 2 }, { step: 4 }, { step: 5 }],
      published: expect.stringContaining(join('nlakit', 'quickstart')),
    });
    const done = journal.done.length;
    const second = await nla(['quickstart', '.']);
    expect(second).toMatchObject({ code: 0, out: expect.stringMatching(/published to .*\n\n.*\d+ s\. Open the report: /s) });
    expect(journal.done).toHaveLength(done);
  });

  it('starts a quickstart in a folder of its own', async () => {
    const { nla, folder } = await workplace();
    // The fake plugins are none of the quickstart's: it ends at the first one it does not find, with its experiment written.
    expect((await nla(['quickstart', '--steps', 'x'])).code).toBe(2);
    expect((await nla(['quickstart', 'new', '--steps', '2'])).code).not.toBe(0);
    expect(await readdir(join(folder, 'new'))).toEqual(expect.arrayContaining(['.gitignore', 'README.md', 'nla.config.yaml']));
  });

  it('lists plugins', async () => {
    const { nla } = await workplace();
    const { plugins } = (await nla(['plugins', '--config', 'nla.config.yaml', '--json'])).json() as { plugins: Record<string, string>[] };
    expect(plugins).toContainEqual(expect.objectContaining({ use: '@fake/trainer#av', kind: 'trainer', version: '1.0.0' }));
    expect(plugins).toContainEqual(expect.objectContaining({ use: '@nlakit/publisher-directory', kind: 'publisher', specVersion: 'v1' }));
  });

  it('says which backends start', async () => {
    const { nla } = await workplace();
    const { json, code } = await nla(['doctor', '--backend', '@fake/backend', '--json']);
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      machine: { node: process.version },
      backends: expect.arrayContaining([
        expect.objectContaining({ name: '@nlakit/backend-wasm' }),
        expect.objectContaining({ name: '@fake/backend', ok: true, gflops: 1 }),
      ]) as unknown,
    });
  });

  it('prints an unforeseen error with its place', async () => {
    const { nla } = await workplace();
    const broken = { ...fakeHost(), bundled: () => Promise.reject(new TypeError('surprise')) };
    const { code, error } = await nla(['plugins'], { host: broken });
    expect(code).toBe(0);
    expect(error).toBe('');
    const config = await nla(['explain', 'nowhere', '--text', 'x']);
    expect(config).toMatchObject({ code: 2, error: expect.stringContaining('E_RUN_MISSING') });
    expect((await nla(['explain', 'nowhere'])).code).toBe(2);
  });

  it('prints each event as it happens, and writes event files for TensorBoard, live or afterwards', async () => {
    const { nla, folder } = await workplace();
    const lines = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const trained = await nla(['train', 'nla.config.yaml', '--role', 'av', '--events', '--tensorboard', '--run-dir', 'here']);
    expect(trained.code).toBe(0);
    const printed = lines(trained.out);
    expect(printed.slice(0, -1)).toEqual(lines(await readFile(join(folder, 'here/events.jsonl'), 'utf8')));
    expect(printed.at(-1)).toMatchObject({ role: 'av', complete: true });
    const live = join(folder, 'here/tensorboard/av');
    expect(await readdir(live)).toHaveLength(1);
    const before = await readFile(join(live, (await readdir(live))[0] ?? ''));
    expect(before.includes('train/loss')).toBe(true);

    const converted = await nla(['report', 'here', '--tensorboard', 'board', '--json']);
    const { files } = converted.json() as { files: string[] };
    expect(files).toHaveLength(1);
    expect((await readFile(files[0] ?? '')).includes('train/loss')).toBe(true);
  });
});
