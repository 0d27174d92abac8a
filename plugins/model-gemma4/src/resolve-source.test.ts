import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveSource } from './resolve-source.js';

describe('resolveSource', () => {
  const commits = { main: 'a'.repeat(40), v1: 'b'.repeat(40) };
  let base: string;
  let repository: string;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'nla-source-'));
    vi.stubEnv('HF_HUB_CACHE', join(base, 'cache'));
    repository = join(base, 'cache', 'models--google--gemma-4-E2B');
    await mkdir(join(repository, 'refs'), { recursive: true });
    await mkdir(join(repository, 'blobs'));
    await writeFile(join(repository, 'blobs', 'config'), '{}');
    for (const [revision, commit] of Object.entries(commits)) {
      const snapshot = join(repository, 'snapshots', commit);
      await mkdir(snapshot, { recursive: true });
      await writeFile(join(repository, 'refs', revision), commit);
      await symlink('../../blobs/config', join(snapshot, 'config.json'));
      await writeFile(join(snapshot, 'model.safetensors'), '');
    }
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('finds a Hub id in the cache, at main or at a named revision, and calls it by the id', async () => {
    const at = (commit: string) => ({ folder: join(repository, 'snapshots', commit), name: 'google/gemma-4-E2B' });
    expect(await resolveSource('google/gemma-4-E2B', base)).toEqual(at(commits.main));
    expect(await resolveSource('google/gemma-4-E2B@v1', base)).toEqual(at(commits.v1));
    expect(await resolveSource(`google/gemma-4-E2B@${commits.v1}`, base)).toEqual(at(commits.v1));
  });

  it('prefers a folder of that name', async () => {
    await mkdir(join(base, 'google', 'gemma-4-E2B'), { recursive: true });
    await writeFile(join(base, 'google', 'gemma-4-E2B', 'config.json'), '{}');
    expect(await resolveSource('google/gemma-4-E2B', base)).toEqual({ folder: join(base, 'google', 'gemma-4-E2B'), name: 'gemma-4-E2B' });
  });

  it('says which command fetches what is missing', async () => {
    for (const source of ['google/other', 'google/gemma-4-E2B@v2']) {
      await expect(resolveSource(source, base)).rejects.toMatchObject({
        code: 'E_MODEL_SOURCE',
        details: {
          fix: expect.stringContaining(`nla pull ${source}`) as string,
          found: expect.stringContaining('Hub cache: no ') as string,
        },
      });
    }
    const index = { weight_map: { a: 'model-00001-of-00002.safetensors' } };
    await writeFile(join(repository, 'snapshots', commits.main, 'model.safetensors.index.json'), JSON.stringify(index));
    await expect(resolveSource('google/gemma-4-E2B', base)).rejects.toThrow('lacks model-00001-of-00002.safetensors');
    await expect(resolveSource('./nowhere', base)).rejects.toMatchObject({ details: { fix: 'Check the path, or install the package.' } });
  });
});
