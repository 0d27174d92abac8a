import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFakeHub, type FakeHub } from '@nlakit/conformance/fake-hub';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CommandContext } from './command-context.js';
import { cliHost } from './host.js';
import { locateNla, type NlaReference } from './locate-nla.js';
import { createTerminalLogger } from './terminal-logger.js';

const adapter = (folder: string, more: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ 'adapter_config.json': '{}', 'adapter_model.safetensors': folder, 'nla_meta.yaml': `step: ${folder}\n`, ...more }).map(
      ([name, content]) => [folder === '' ? name : `${folder}/${name}`, content],
    ),
  );
const head = { 'value_head.safetensors': 'head' };

const trajectory = {
  ...adapter('trajectory/step_000050'),
  ...adapter('trajectory/step_000100'),
  ...adapter('reconstructor/step_000020', head),
  ...adapter('reconstructor/step_000030', head),
  'README.md': '# card',
  'eval/h5/step_000100.json': '{}',
};

const retracted = (...steps: readonly number[]): string =>
  JSON.stringify({ schema: 1, history: [{ action: 'retract', steps, reason: 'wrong scale', at: '2026-01-01T00:00:00.000Z' }] });

describe('locateNla', () => {
  let folder: string;
  let hub: FakeHub;
  let said = '';
  const locate = (target: string, reference: NlaReference = {}) => {
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal: new AbortController().signal };
    const whole = { ...io, out: () => undefined, error: (text: string) => (said += text) };
    const context: CommandContext = { io: whole, log: createTerminalLogger(whole), host: cliHost(), common: {}, print: () => undefined };
    return locateNla(context, target, reference);
  };
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: unknown) => (error as { readonly code?: string }).code,
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-locate-'));
    const place = async (below: string, files: Readonly<Record<string, string>>): Promise<void> => {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, below, path)), { recursive: true });
        await writeFile(join(folder, below, path), content);
      }
    };
    await place('published', trajectory);
    await place('retracted', { ...trajectory, 'retractions.json': retracted(100) });
    await place('alone', adapter(''));
    await place('bare', { 'adapter_config.json': '{}' });
    hub = await startFakeHub({
      repositories: [
        { id: 'owner/trajectory', files: trajectory },
        { id: 'owner/steps', files: { ...adapter('step_000050'), ...adapter('step_000200'), 'README.md': '' } },
        { id: 'owner/variants', files: { ...adapter('step_000200'), ...adapter('r80_step_000150'), ...adapter('r80_step_000200') } },
        { id: 'owner/retracted', files: { ...trajectory, 'retractions.json': retracted(100) } },
        { id: 'owner/all-retracted', files: { ...trajectory, 'retractions.json': retracted(50, 100) } },
        { id: 'owner/damaged', files: { ...trajectory, 'retractions.json': '{' } },
        { id: 'owner/one', files: adapter('') },
        { id: 'owner/ar', files: adapter('', { 'linear_head.pt': 'pickle' }) },
        { id: 'owner/no-sidecar', files: { 'step_000050/adapter_config.json': '{}', 'step_000050/adapter_model.safetensors': 'x' } },
      ],
    });
    vi.stubEnv('HF_ENDPOINT', hub.url);
    vi.stubEnv('HF_HOME', join(folder, 'cache'));
    vi.stubEnv('HF_HUB_CACHE', '');
    vi.stubEnv('HF_TOKEN', '');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
  });

  it('takes the newest steps of a published folder, or the one named', async () => {
    const newest = {
      verbalizer: { folder: join(folder, 'published/trajectory/step_000100'), step: 100 },
      reconstructor: { folder: join(folder, 'published/reconstructor/step_000030'), step: 30 },
    };
    expect(await locate('published')).toEqual(newest);
    expect((await locate('published', { subfolder: 'trajectory/step_000050' })).verbalizer.step).toBe(50);
    expect((await locate('published/trajectory/step_000050')).verbalizer.step).toBe(50);
    expect(await codeOf(locate('published/reconstructor/step_000030'))).toBe('E_USAGE');
  });

  it('takes an adapter that lies alone, with a reconstructor from elsewhere', async () => {
    expect(await locate('alone')).toEqual({ verbalizer: { folder: join(folder, 'alone'), step: null } });
    expect(await locate('alone', { ar: 'published' })).toMatchObject({ reconstructor: { step: 30 } });
    const fetched = await locate('alone', { ar: 'owner/ar' });
    expect(await readFile(join(fetched.reconstructor?.folder ?? '', 'linear_head.pt'), 'utf8')).toBe('pickle');
    expect(await codeOf(locate('bare'))).toBe('E_SIDECAR_MISSING');
    expect(await codeOf(locate('alone', { revision: 'main' }))).toBe('E_USAGE');
    expect(await codeOf(locate('alone', { ar: 'nowhere' }))).toBe('E_USAGE');
    expect(await codeOf(locate('nowhere'))).toBe('E_RUN_MISSING');
  });

  it('fetches from the Hub the newest step and its reconstructor, and nothing else', async () => {
    hub.clearRequests();
    const place = await locate('owner/trajectory');
    expect([place.verbalizer.step, place.reconstructor?.step, place.runFolder]).toEqual([100, 30, undefined]);
    expect(await readFile(join(place.verbalizer.folder, 'adapter_model.safetensors'), 'utf8')).toBe('trajectory/step_000100');
    const fetched = hub.requests.filter(({ kind }) => kind === 'content').map(({ path }) => path);
    expect(fetched.filter((path) => /step_000050|step_000020|eval/.test(path))).toEqual([]);
    hub.clearRequests();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await locate('owner/trajectory')).toEqual(place);
    expect(await codeOf(locate('owner/steps'))).toBe('E_HUB_NOT_CACHED');
    vi.stubEnv('HF_HUB_OFFLINE', '');
    expect(hub.requests).toEqual([]);
  });

  it.each(['retracted', 'owner/retracted'])('passes over a retracted step of %s and says so, unless it is named', async (target) => {
    said = '';
    expect((await locate(target)).verbalizer.step).toBe(50);
    expect(said).toContain('W_STEP_RETRACTED: step_000100 is retracted: wrong scale. Step 50 is taken');
    said = '';
    expect((await locate(target, { subfolder: 'trajectory/step_000100' })).verbalizer.step).toBe(100);
    expect(said).not.toContain('W_STEP_RETRACTED');
  });

  it('opens nothing by itself where every step is retracted, or nobody can tell', async () => {
    expect(await codeOf(locate('owner/all-retracted'))).toBe('E_STEP_RETRACTED');
    expect((await locate('owner/all-retracted', { subfolder: 'trajectory/step_000050' })).verbalizer.step).toBe(50);
    expect(await codeOf(locate('owner/damaged'))).toBe('E_RETRACTIONS');
  });

  it('takes revisions and subfolders', async () => {
    const old = hub.repository('owner/steps').resolve('main')?.oid ?? '';
    expect((await locate(`owner/steps@${old}`)).verbalizer.step).toBe(200);
    expect((await locate('owner/steps', { revision: old, subfolder: 'step_000050/' })).verbalizer.step).toBe(50);
    expect((await locate('owner/one')).verbalizer.step).toBeNull();
    expect(await codeOf(locate('owner/steps', { revision: 'no-such' }))).toBe('E_HUB_REVISION_NOT_FOUND');
    expect(await codeOf(locate('owner/steps', { subfolder: 'step_000051' }))).toBe('E_HUB_NOTHING');
  });

  it('asks which one of several series is meant, and refuses an adapter without sidecar', async () => {
    expect(await codeOf(locate('owner/variants', { subfolder: 'r80_step_000200' }))).toBe('none');
    await expect(locate('owner/variants')).rejects.toThrow(/r80_step_000150/);
    expect(await codeOf(locate('owner/ar'))).toBe('E_HUB_ADAPTER');
    expect(await codeOf(locate('owner/one', { ar: 'owner/one' }))).toBe('E_HUB_ADAPTER');
    expect(await codeOf(locate('owner/no-sidecar'))).toBe('E_SIDECAR_MISSING');
  });
});
