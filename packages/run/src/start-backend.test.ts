import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEvents, readRunRecord, runLayout, silentLogger, startSession } from './index.js';
import { fakeConfig, fakeHost } from './test-support/fake-plugins.js';

async function start(backends: readonly string[], folder?: string, more: { readonly allowBackendChange?: boolean } = {}) {
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'nla-backend-')));
  await writeFile(join(root, 'nla.config.yaml'), fakeConfig);
  const [warnings, infos, done]: string[][] = [[], [], []];
  const session = await startSession(join(root, 'nla.config.yaml'), {
    host: { ...fakeHost({ done: done ?? [] }), backends },
    runFolder: join(root, 'run'),
    log: { ...silentLogger, warn: (message) => warnings?.push(message), info: (message) => infos?.push(message) },
    ...more,
  });
  const backend = await session.parts.backend();
  await session.dispose();
  const events = await readEvents(runLayout(join(root, 'run')).eventsFile);
  return { root, backend: backend.name, warnings, infos, done, record: await readRunRecord(join(root, 'run')), events };
}

describe('backend: auto', () => {
  it('takes the fastest backend that passes its self-test, and says which and why', async () => {
    const { backend, warnings, infos, record, events } = await start([
      '@fake/other-backend',
      '@fake/missing',
      '@fake/broken-backend',
      '@fake/wrong-backend',
      '@fake/fast-backend',
      '@fake/no-plugin',
    ]);
    expect(backend).toBe('fast');
    expect(record.backend).toMatchObject({ use: '@fake/fast-backend', name: '@fake/fast-backend' });
    expect(record.backendChoice).toBe('auto: @fake/fast-backend, clearly faster than the others that pass their self-test');
    expect(infos).toEqual([
      expect.stringMatching(/backend: @fake\/fast-backend, clearly faster.*other-backend 1 GFLOP.*fast-backend 2 GFLOP/),
    ]);
    // One that is not installed, or without its device, is not worth a word.
    expect(warnings).toEqual([
      expect.stringMatching(/@fake\/no-plugin: .*exports no plugin/),
      expect.stringMatching(/@fake\/wrong-backend: .*self-test: matMul is off by 3/),
    ]);
    expect(events.filter(({ stage }) => stage === 'run')).toMatchObject([
      {
        type: 'backend-choice',
        use: '@fake/fast-backend',
        trials: [
          { use: '@fake/no-plugin', ok: false },
          { use: '@fake/other-backend', ok: true, gflops: 1 },
          { use: '@fake/broken-backend', ok: false, absent: true, reason: expect.stringContaining('no such device') },
          { use: '@fake/wrong-backend', ok: false },
          { use: '@fake/fast-backend', ok: true, gflops: 2 },
        ],
      },
    ]);
  });

  it('lets the order decide between backends that are about equally fast', async () => {
    const { backend, record } = await start(['@fake/other-backend', '@fake/hardly-faster-backend']);
    expect(backend).toBe('other');
    expect(record.backendChoice).toContain('none of the others that pass their self-test is clearly faster');
  });

  it('tries a backend once a process, and the only one not at all', async () => {
    await start(['@fake/other-backend', '@fake/fast-backend']);
    const { done, backend } = await start(['@fake/other-backend', '@fake/fast-backend']);
    expect([backend, done]).toEqual(['fast', []]);
    const alone = await start(['@fake/missing', '@fake/other-backend']);
    expect(alone).toMatchObject({ backend: 'other', done: [], warnings: [] });
    expect(alone.record.backendChoice).toBe('auto: @fake/other-backend, the only one that is installed');
  });

  it('gives the run the hash of the backend it is made with', async () => {
    const { record } = await start(['@fake/broken-backend', '@fake/backend']);
    expect(record.hash).toBe((await start(['@fake/backend'])).record.hash);
    expect(record.hash).not.toBe((await start(['@fake/other-backend'])).record.hash);
  });

  it('stays with the backend of a run, even if a faster one is installed later', async () => {
    const { root, record } = await start(['@fake/other-backend']);
    const before = await readFile(runLayout(join(root, 'run')).runFile, 'utf8');
    const again = await start(['@fake/fast-backend', '@fake/other-backend'], root);
    expect(again).toMatchObject({ backend: 'other', warnings: [], record });
    expect(again.infos?.[0]).toContain('the run was made with it');
    expect(await readFile(runLayout(join(root, 'run')).runFile, 'utf8')).toBe(before);
    expect(again.events.filter(({ stage }) => stage === 'run')).toHaveLength(1);
  });

  it('does not go on with another one where that of the run is gone, unless it is told to', async () => {
    const { root } = await start(['@fake/other-backend']);
    for (const gone of [['@fake/fast-backend'], ['@fake/backend', '@fake/fast-backend']]) {
      await expect(start(gone, root)).rejects.toMatchObject({
        code: 'E_BACKEND_CHANGED',
        message: expect.stringMatching(/other-backend[\s\S]*install it if it is gone[\s\S]*--allow-backend-change/),
      });
    }
    const changed = await start(['@fake/fast-backend'], root, { allowBackendChange: true });
    expect(changed).toMatchObject({ backend: 'fast', warnings: [expect.stringContaining('W_BACKEND_CHANGED')] });
    // From then on it is the backend of the run.
    expect(await start(['@fake/other-backend', '@fake/fast-backend'], root)).toMatchObject({ backend: 'fast', warnings: [] });
  });

  it('says why, if none can be used', async () => {
    await expect(start(['@fake/broken-backend', '@fake/wrong-backend'])).rejects.toMatchObject({
      code: 'E_BACKEND_NONE',
      message: expect.stringMatching(/no such device[\s\S]*off by 3[\s\S]*nla doctor/),
    });
    await expect(start([])).rejects.toMatchObject({ code: 'E_BACKEND_NONE' });
  });
});
