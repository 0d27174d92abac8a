import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRunRecord, silentLogger, startSession } from './index.js';
import { fakeConfig, fakeHost } from './test-support/fake-plugins.js';

async function start(backends: readonly string[], folder?: string) {
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'nla-backend-')));
  await writeFile(join(root, 'nla.config.yaml'), fakeConfig);
  const warnings: string[] = [];
  const session = await startSession(join(root, 'nla.config.yaml'), {
    host: { ...fakeHost(), backends },
    runFolder: join(root, 'run'),
    log: { ...silentLogger, warn: (message) => warnings.push(message) },
  });
  const backend = await session.parts.backend();
  await session.dispose();
  return { root, backend: backend.name, warnings, record: await readRunRecord(join(root, 'run')) };
}

describe('backend: auto', () => {
  it('takes the first backend that starts, and says why another one was passed over', async () => {
    const { backend, warnings, record } = await start(['@fake/missing', '@fake/broken-backend', '@fake/other-backend', '@fake/backend']);
    expect(backend).toBe('other');
    expect(record.backend).toMatchObject({ use: '@fake/other-backend', name: '@fake/other-backend' });
    expect(warnings).toEqual([expect.stringMatching(/@fake\/broken-backend: [\s\S]*no such device/)]);
  });

  it('gives the run the hash of the backend it is made with', async () => {
    const { record } = await start(['@fake/broken-backend', '@fake/backend']);
    expect(record.hash).toBe((await start(['@fake/backend'])).record.hash);
    expect(record.hash).not.toBe((await start(['@fake/other-backend'])).record.hash);
  });

  it('stays with the backend of a run, even if a better one starts later', async () => {
    const { root } = await start(['@fake/broken-backend', '@fake/backend']);
    expect(await start(['@fake/other-backend', '@fake/backend'], root)).toMatchObject({ backend: 'fake', warnings: [] });
  });

  it('says why, if none starts', async () => {
    await expect(start(['@fake/broken-backend', '@fake/broken-backend'])).rejects.toMatchObject({
      code: 'E_BACKEND_NONE',
      message: expect.stringMatching(/no such device[\s\S]*nla doctor/),
    });
    await expect(start([])).rejects.toMatchObject({ code: 'E_BACKEND_NONE' });
  });
});
