import { lstat, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { faultSequence, seededFaults, type Fault } from '@nlakit/conformance/fake-hub';
import { isNlaError, type NlaError } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { pull } from './pull.js';
import { resolveCachedAdapter, resolveCachedModel } from './resolve-cached.js';
import { filesBelow, modelFiles, quick, smallFiles, someBytes, wantedModelFiles, workplace } from './testing/workplace.js';

const weights = 'model-00001-of-00002.safetensors';
const ofWeights = ({ kind, path }: { readonly kind: string; readonly path: string }): boolean =>
  kind === 'content' && path.startsWith('/objects/');

async function errorOf(work: Promise<unknown>): Promise<NlaError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isNlaError(error)) throw new Error(`not an NlaError: ${String(error)}`, { cause: error });
  return error;
}

describe('pull', () => {
  it('brings the files of a model, and nothing else, in the layout of the Python tools', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    const commit = hub.repository('owner/model').resolve('main')?.oid ?? '';
    const result = await pullHere();
    expect(result.files.map(({ path }) => path).sort()).toEqual(wantedModelFiles);
    expect(result).toMatchObject({ id: 'owner/model', revision: commit, requested: 'main', offline: false, resumedBytes: 0 });
    expect(result.folder).toBe(join(cacheFolder, 'models--owner--model', 'snapshots', commit));
    expect(await readFile(join(cacheFolder, 'models--owner--model', 'refs', 'main'), 'utf8')).toBe(commit);
    for (const { path, file, bytes, sha256, gitOid } of result.files) {
      const expected = Buffer.from(modelFiles[path as keyof typeof modelFiles]);
      expect(await readFile(file)).toEqual(expected);
      expect(bytes).toBe(expected.length);
      const etag = sha256 ?? gitOid ?? '';
      expect(etag).toMatch(path.endsWith('.safetensors') ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/);
      expect(await readlink(file)).toBe(join('..', '..', 'blobs', etag));
    }
    const content = wantedModelFiles.reduce((sum, path) => sum + Buffer.from(modelFiles[path as keyof typeof modelFiles]).length, 0);
    expect(result.receivedBytes).toBe(content);
    expect(hub.contentBytes()).toBe(content);
    expect((await filesBelow(cacheFolder)).filter((file) => /incomplete|lock|tmp/.test(file))).toEqual([]);
  });

  it('fetches nothing twice: a second pull only asks where the revision is', async () => {
    const { hub, pull: pullHere } = await workplace();
    await pullHere();
    hub.clearRequests();
    const again = await pullHere();
    expect(hub.requests.map(({ kind }) => kind)).toEqual(['info']);
    expect(again.files.every(({ from }) => from === 'cache')).toBe(true);
    hub.clearRequests();
    expect(await pullHere({ revision: again.revision })).toMatchObject({ offline: true, folder: again.folder });
    expect(hub.requests).toEqual([]);
  });

  it('says why it waits when it tries again', async () => {
    const { hub, pull: pullHere } = await workplace();
    hub.fault = faultSequence([{ type: 'status', status: 503 }]);
    const warnings: string[] = [];
    await pullHere({ onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringMatching(/^W_HUB_RETRY: .+ Trying again in 0\.0 s\.$/)]);
  });

  it('takes over blobs of an earlier commit, and leads to the new one when it is whole', async () => {
    const { hub, pull: pullHere } = await workplace();
    const first = await pullHere();
    const next = hub.repository('owner/model').commit({ 'config.json': '{"model_type":"gemma4","new":1}' });
    hub.fault = faultSequence(
      Array.from({ length: 20 }, () => ({ type: 'status', status: 500 })),
      ({ kind }) => kind === 'content',
    );
    expect((await errorOf(pullHere())).code).toBe('E_HUB_RESPONSE');
    const read = { id: 'owner/model', cacheFolder: join(first.snapshot, '..', '..', '..') };
    expect((await resolveCachedModel(read)).revision).toBe(first.revision);
    hub.fault = undefined;
    hub.clearRequests();
    const second = await pullHere();
    expect(second.revision).toBe(next.oid);
    expect(hub.contentBytes()).toBe(second.receivedBytes);
    expect(second.receivedBytes).toBe('{"model_type":"gemma4","new":1}'.length);
    expect((await resolveCachedModel(read)).revision).toBe(next.oid);
  });

  it('brings one adapter of a trajectory with the documents above it', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    const step = (name: string) => ({
      [`${name}/adapter_config.json`]: '{}',
      [`${name}/adapter_model.safetensors`]: someBytes(2000, 9),
      [`${name}/nla_meta.yaml`]: 'schema: 1',
      [`${name}/optimizer.bin`]: someBytes(10),
    });
    hub.add({
      id: 'owner/trajectory',
      files: { 'README.md': 'top', 'trajectory/NOTICE': 'n', ...step('trajectory/step_000050'), ...step('trajectory/step_000100') },
    });
    const nothing = await errorOf(pullHere({}, 'owner/trajectory'));
    expect(nothing).toMatchObject({
      code: 'E_HUB_NOTHING',
      details: { found: expect.stringContaining('trajectory/step_000050') as string },
    });
    const result = await pullHere({ subfolder: '/trajectory/step_000050/' }, 'owner/trajectory');
    expect(result.files.map(({ path }) => path).sort()).toEqual([
      'README.md',
      'trajectory/NOTICE',
      'trajectory/step_000050/adapter_config.json',
      'trajectory/step_000050/adapter_model.safetensors',
      'trajectory/step_000050/nla_meta.yaml',
    ]);
    const request = { id: 'owner/trajectory', subfolder: 'trajectory/step_000050', cacheFolder };
    expect(await resolveCachedAdapter(request)).toEqual({ folder: result.folder, snapshot: result.snapshot, revision: result.revision });
    expect((await errorOf(resolveCachedAdapter({ ...request, subfolder: 'trajectory/step_000100', revision: 'main' }))).details.fix).toBe(
      'nla pull owner/trajectory --subfolder trajectory/step_000100 --revision main',
    );
    // The two steps have the same weights: they are kept once.
    hub.clearRequests();
    await pullHere({ subfolder: 'trajectory/step_000100' }, 'owner/trajectory');
    expect(hub.requests.some(({ host }) => host === 'storage')).toBe(false);
  });

  it('takes branches, tags, other files by pattern, and datasets', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    hub.repository('owner/model').refs.set('v1', hub.repository('owner/model').resolve('main')?.oid ?? '');
    hub.repository('owner/model').commit({ 'config.json': '{"branch":true}' }, { branch: 'refs/pr/1' });
    const pr = await pullHere({}, 'owner/model@refs/pr/1');
    expect(await readFile(join(pr.folder, 'config.json'), 'utf8')).toBe('{"branch":true}');
    expect(await readFile(join(cacheFolder, 'models--owner--model/refs/refs/pr/1'), 'utf8')).toBe(pr.revision);
    const tag = await pullHere({ revision: 'v1', include: ['*.gguf', 'onnx/'] });
    expect(tag.files.map(({ path }) => path).sort()).toEqual(['model.gguf', 'onnx/model.onnx']);
    expect((await pullHere({ all: true })).files).toHaveLength(Object.keys(modelFiles).length);
    hub.add({ id: 'owner/data', type: 'dataset', files: { 'data/rl.parquet': someBytes(100), 'README.md': 'd', 'x.py': '' } });
    const data = await pullHere({ type: 'dataset' }, 'owner/data');
    expect(data.files.map(({ path }) => path)).toEqual(['README.md', 'data/rl.parquet']);
    expect(data.folder).toContain('datasets--owner--data');
  });

  it('goes on where an interrupted pull stopped', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    hub.fault = ({ kind, path }) => (ofWeights({ kind, path }) ? { type: 'slow', pieceBytes: 5000, pauseMilliseconds: 5 } : undefined);
    const controller = new AbortController();
    const interrupted = await errorOf(
      pullHere({
        include: [weights],
        signal: controller.signal,
        onProgress: ({ doneBytes }) => {
          if (doneBytes >= 40_000) controller.abort();
        },
      }),
    );
    expect(interrupted).toMatchObject({ code: 'E_INTERRUPTED' });
    const left = await filesBelow(join(cacheFolder, 'models--owner--model'));
    expect(left.filter((file) => !file.startsWith('trees'))).toEqual([expect.stringMatching(/^blobs\/[0-9a-f]{64}\.nlakit\.incomplete$/)]);
    expect(await filesBelow(join(cacheFolder, '.locks'))).toEqual([]);
    hub.fault = undefined;
    hub.clearRequests();
    const result = await pullHere({ include: [weights] });
    expect(result.resumedBytes).toBeGreaterThanOrEqual(40_000);
    expect(hub.contentBytes()).toBe(70_000 - result.resumedBytes);
    expect(await readFile(result.files[0]?.file ?? '')).toEqual(Buffer.from(modelFiles[weights]));
  });

  it('goes on by range after dropped, truncated and stalled bodies, sending nothing twice', async () => {
    const { hub, pull: pullHere } = await workplace();
    const faults: readonly Fault[] = [
      { type: 'drop', afterBytes: 10_000 },
      { type: 'truncate', bytes: 7_000 },
      { type: 'stall', afterBytes: 3_000 },
      { type: 'drop' },
      { type: 'status', status: 503 },
    ];
    hub.fault = faultSequence(faults, ofWeights);
    const result = await pullHere({ include: [weights], retry: { firstWaitMilliseconds: 1, stallMilliseconds: 300 } });
    expect(result.receivedBytes).toBe(70_000);
    expect(hub.requests.filter(({ host }) => host === 'storage').map(({ range }) => range)).toEqual([
      undefined,
      'bytes=10000-',
      'bytes=17000-',
      'bytes=20000-',
      'bytes=20000-',
      'bytes=20000-',
    ]);
  });

  it('begins again when a server ignores the range', async () => {
    const { hub, pull: pullHere } = await workplace();
    hub.fault = faultSequence([{ type: 'drop', afterBytes: 10_000 }, { type: 'ignore-range' }], ofWeights);
    const result = await pullHere({ include: [weights] });
    expect(await readFile(result.files[0]?.file ?? '')).toEqual(Buffer.from(modelFiles[weights]));
  });

  it('waits as long as the server asks', async () => {
    const { hub, pull: pullHere } = await workplace();
    hub.fault = faultSequence([{ type: 'status', status: 429, retryAfter: 1 }]);
    const begin = performance.now();
    await pullHere({ include: ['config.json'] });
    expect(performance.now() - begin).toBeGreaterThan(950);
    hub.fault = faultSequence([{ type: 'status', status: 429, retryAfter: 3600 }]);
    expect(await errorOf(pullHere({ include: ['config.json'], revision: 'main' }))).toMatchObject({ code: 'E_HUB_RATE_LIMIT' });
  });

  it('shows nothing of a file whose content is wrong', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    for (const path of [weights, 'config.json']) {
      hub.fault = ({ kind }) => (kind === 'content' ? { type: 'corrupt', at: 17 } : undefined);
      const error = await errorOf(pullHere({ include: [path] }));
      expect(error).toMatchObject({ code: 'E_HUB_HASH', message: expect.stringContaining(path) as string });
      expect((await filesBelow(join(cacheFolder, 'models--owner--model'))).filter((file) => !file.startsWith('trees'))).toEqual([]);
      hub.fault = faultSequence([{ type: 'corrupt', at: 17 }], ({ kind }) => kind === 'content');
      await pullHere({ include: [path] });
      await rm(join(cacheFolder, 'models--owner--model'), { recursive: true });
    }
  });

  it('does not trust the part that an earlier attempt left', async () => {
    const { pull: pullHere, cacheFolder } = await workplace();
    const { files, snapshot } = await pullHere({ include: [weights] });
    const blob = join(cacheFolder, 'models--owner--model', 'blobs', files[0]?.sha256 ?? '');
    await rm(snapshot, { recursive: true });
    await rm(blob);
    await writeFile(`${blob}.nlakit.incomplete`, someBytes(60_000, 99));
    const again = await pullHere({ include: [weights] });
    expect(await readFile(again.files[0]?.file ?? '')).toEqual(Buffer.from(modelFiles[weights]));
    expect(again.receivedBytes).toBe(10_000 + 70_000);
  });

  it('finds and replaces a damaged file when told to read them', async () => {
    const { pull: pullHere } = await workplace();
    const file = (await pullHere()).files.find(({ path }) => path === weights)?.file ?? '';
    await writeFile(file, someBytes(70_000, 98));
    expect((await pullHere()).receivedBytes).toBe(0);
    expect((await pullHere({ verify: true })).receivedBytes).toBe(70_000);
    expect(await readFile(file)).toEqual(Buffer.from(modelFiles[weights]));
  });

  it('lets two pulls of the same files share the work', async () => {
    const { hub, pull: pullHere } = await workplace();
    hub.fault = ({ kind }) => (kind === 'content' ? { type: 'slow', pieceBytes: 9000, pauseMilliseconds: 3 } : undefined);
    const results = await Promise.all([pullHere(), pullHere(), pullHere({ concurrency: 1 })]);
    expect(results.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)).toBe(hub.contentBytes());
    const single = wantedModelFiles.reduce((sum, path) => sum + Buffer.from(modelFiles[path as keyof typeof modelFiles]).length, 0);
    expect(hub.contentBytes()).toBe(single);
  });

  it('takes over the lock of a process that has ended', async () => {
    const { pull: pullHere, cacheFolder } = await workplace();
    const first = await pullHere({ include: [weights] });
    const etag = first.files[0]?.sha256 ?? '';
    await rm(join(cacheFolder, 'models--owner--model', 'blobs', etag));
    const { hostname } = await import('node:os');
    const lock = join(cacheFolder, '.locks', 'models--owner--model', `${etag}.nlakit.lock`);
    await writeFile(lock, JSON.stringify({ token: 'x', pid: 2 ** 22 + 1, host: hostname() }));
    expect((await pullHere({ include: [weights] })).receivedBytes).toBe(70_000);
  });

  it('makes files where there are no symbolic links', async () => {
    const { pull: pullHere } = await workplace();
    const env = { HF_HUB_DISABLE_SYMLINKS: '1' };
    const result = await pullHere({ env });
    for (const { file } of result.files) expect((await lstat(file)).isFile()).toBe(true);
    expect((await pullHere({ env })).receivedBytes).toBe(0);
  });

  it('asks for room before it begins', async () => {
    const { hub, pull: pullHere } = await workplace();
    const error = await errorOf(pullHere({ freeBytes: () => Promise.resolve(1000) }));
    expect(error).toMatchObject({ code: 'E_HUB_DISK', details: { kind: 'input' } });
    expect(hub.contentBytes()).toBe(0);
  });

  it('works from the cache when told to be offline, and falls back to it when the hub is gone', async () => {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    const env = { HF_HUB_OFFLINE: '1' };
    expect(await errorOf(pullHere({ env }))).toMatchObject({ code: 'E_HUB_OFFLINE' });
    expect(hub.requests).toEqual([]);
    const first = await pullHere();
    hub.clearRequests();
    expect(await pullHere({ env })).toMatchObject({ offline: true, folder: first.folder });
    expect(hub.requests).toEqual([]);
    await hub.stop();
    const warnings: string[] = [];
    expect(await pullHere({ onWarning: (message) => warnings.push(message) })).toMatchObject({ offline: true, folder: first.folder });
    expect(warnings.at(-1)).toContain('W_HUB_UNREACHABLE');
    expect(warnings.slice(0, -1).every((warning) => warning.startsWith('W_HUB_RETRY'))).toBe(true);
    expect(await errorOf(pullHere({ revision: 'other' }))).toMatchObject({ code: 'E_HUB_UNREACHABLE' });
    await rm(join(first.folder, weights));
    await rm(join(cacheFolder, 'models--owner--model', 'blobs', first.files.find(({ path }) => path === weights)?.sha256 ?? ''));
    expect(await errorOf(pullHere({ env }))).toMatchObject({ code: 'E_HUB_OFFLINE', details: { found: `missing: ${weights}` } });
  });

  it('says what to do about gated, missing and private repositories, wrong tokens and revisions', async () => {
    const { hub, pull: pullHere } = await workplace({
      tokens: {
        hf_reader: { user: 'reader', reads: ['owner/gated', 'owner/private'] },
        hf_other: { user: 'other' },
        hf_old: { user: 'old', expired: true },
      },
    });
    hub.add({ id: 'owner/gated', gated: 'manual', files: modelFiles });
    hub.add({ id: 'owner/private', private: true, files: modelFiles });
    const gated = await errorOf(pullHere({}, 'owner/gated'));
    expect(gated).toMatchObject({ code: 'E_HUB_GATED', details: { kind: 'input' } });
    expect(gated.details.fix).toContain(`Accept the terms at ${hub.url}/owner/gated, then log in`);
    const refused = await errorOf(pullHere({ token: 'hf_other' }, 'owner/gated'));
    expect(refused).toMatchObject({ code: 'E_HUB_GATED', details: { fix: expect.stringContaining('account of your token') as string } });
    expect(refused.message).not.toContain('hf_other');
    hub.clearRequests();
    expect((await pullHere({ token: 'hf_reader' }, 'owner/gated')).files).toHaveLength(wantedModelFiles.length);
    for (const { host, authorized, headers } of hub.requests) {
      expect(authorized).toBe(host === 'hub');
      expect(headers['user-agent']).toMatch(/^nlakit-hub\//);
      if (host === 'storage') expect(headers['accept-encoding']).toBe('identity');
    }
    expect((await pullHere({ token: 'hf_reader' }, 'owner/private')).files).toHaveLength(wantedModelFiles.length);
    expect((await errorOf(pullHere({}, 'owner/private'))).code).toBe('E_HUB_REPOSITORY_NOT_FOUND');
    expect((await errorOf(pullHere({ token: 'hf_other' }, 'owner/none'))).code).toBe('E_HUB_REPOSITORY_NOT_FOUND');
    expect((await errorOf(pullHere({ token: 'hf_old' }))).code).toBe('E_HUB_TOKEN');
    expect((await errorOf(pullHere({ token: 'hf_wrong' }))).code).toBe('E_HUB_TOKEN');
    expect((await errorOf(pullHere({ revision: 'none' }))).code).toBe('E_HUB_REVISION_NOT_FOUND');
    expect((await errorOf(pullHere({ subfolder: 'none' }))).code).toBe('E_HUB_NOTHING');
    hub.fault = faultSequence([{ type: 'expired-token' }], ({ kind }) => kind === 'resolve');
    expect((await errorOf(pullHere({ token: 'hf_reader', revision: 'main' }, 'owner/model'))).code).toBe('E_HUB_TOKEN');
  });

  it('refuses names that lead out of their folder, before anything is fetched', async () => {
    for (const path of [
      '../evil.safetensors',
      'a/../../evil.safetensors',
      '/etc/evil.safetensors',
      String.raw`..\evil.safetensors`,
      'C:/evil.safetensors',
    ]) {
      const { hub, pull: pullHere, cacheFolder } = await workplace();
      hub.add({ id: 'owner/evil', files: { ...modelFiles, [path]: someBytes(10) } });
      expect((await errorOf(pullHere({ all: true }, 'owner/evil'))).code).toBe('E_HUB_PATH');
      expect(hub.contentBytes()).toBe(0);
      expect((await filesBelow(cacheFolder)).filter((file) => !file.includes('trees'))).toEqual([]);
    }
  });

  it('refuses ids, revisions, subfolders and addresses that cannot be', async () => {
    for (const id of ['gemma', 'a/b/c', '../x', 'a/..', 'a/b--c', 'a b/c', '/x', 'a/']) {
      expect((await errorOf(pull(id, { env: {} }))).code).toBe('E_HUB_ID');
    }
    for (const revision of ['', '../x', 'a..b', '/x', 'x/', 'a b', 'x\n', String.raw`a\b`]) {
      expect((await errorOf(pull('a/b', { revision, env: {} }))).code).toBe('E_HUB_REVISION');
    }
    expect((await errorOf(pull('a/b', { subfolder: '../..', env: {} }))).code).toBe('E_HUB_PATH');
    expect((await errorOf(pull('a/b', { hubUrl: 'huggingface.co', env: {} }))).code).toBe('E_HUB_URL');
    expect((await errorOf(pull('a/b', { hubUrl: 'https://u:secret@h', env: {} }))).message).not.toContain('secret');
  });
});

describe('pull under faults', () => {
  const contentOf = (path: string): Buffer => Buffer.from(smallFiles[path] ?? 'no such file');
  const seeds = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

  async function endsRight(seed: number): Promise<void> {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    hub.fault = seededFaults(seed, {
      rate: 0.5,
      most: 2,
      withinBytes: 20_000,
      types: ['status', 'drop', 'truncate', 'slow', 'ignore-range'],
    });
    const result = await pullHere({}, 'owner/small');
    for (const { path, file } of result.files) expect(await readFile(file)).toEqual(contentOf(path));
    expect(result.files.map(({ path }) => path).sort()).toEqual(Object.keys(smallFiles).sort());
    expect((await filesBelow(cacheFolder)).filter((file) => /incomplete|\.lock$|tmp/.test(file))).toEqual([]);
  }

  async function showsOnlyRightFiles(seed: number): Promise<void> {
    const { hub, pull: pullHere, cacheFolder } = await workplace();
    hub.fault = seededFaults(1000 + seed, { rate: 0.7, withinBytes: 20_000 });
    const error: unknown = await pullHere({ retry: { ...quick, attempts: 3 } }, 'owner/small').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined)
      expect(error).toMatchObject({ code: expect.stringMatching(/^E_HUB_(RESPONSE|UNREACHABLE|RATE_LIMIT|HASH)$/) as string });
    const snapshots = join(cacheFolder, 'models--owner--small', 'snapshots');
    for (const file of await filesBelow(snapshots)) expect(await readFile(join(snapshots, file))).toEqual(contentOf(file.slice(41)));
    // Whatever was left, the next pull without faults ends right.
    hub.fault = undefined;
    const { files } = await pullHere({}, 'owner/small');
    for (const { path, file } of files) expect(await readFile(file)).toEqual(contentOf(path));
    expect(files).toHaveLength(Object.keys(smallFiles).length);
  }

  it.each(seeds(0, 20))('ends right under schedule %i', endsRight);
  it.each(seeds(20, 100))('ends right under schedule %i', { tags: ['slow'] }, endsRight);
  it.each(seeds(0, 15))('shows only right files, and says what is wrong, under hard schedule %i', showsOnlyRightFiles);
  it.each(seeds(15, 100))(
    'shows only right files, and says what is wrong, under hard schedule %i',
    { tags: ['slow'] },
    showsOnlyRightFiles,
  );
});
