import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNlaError } from '@nlakit/core';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { extractWheel } from './extract-wheel.js';
import { libraryNames } from './find-tensorflow.js';
import { findInstallation, processorId, readInstallation, recordFile, sourcesId } from './installation.js';
import { installTensorflow } from './install-tensorflow.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-tensorflow-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function failure(work: Promise<unknown>): Promise<{ code: string; found: string; fix: string }> {
  try {
    await work;
  } catch (error) {
    if (isNlaError(error)) return { code: error.code, found: error.details.found ?? '', fix: error.details.fix ?? '' };
    throw error;
  }
  throw new Error('nothing was thrown');
}

const install = (from: string) => installTensorflow({ from, cache: join(folder, 'cache') });

/** A folder with files of the right names, which are no libraries. */
async function fakeTensorflow(): Promise<string> {
  const made = join(folder, 'fake');
  await mkdir(join(made, 'include/tensorflow/c'), { recursive: true });
  for (const name of [...libraryNames, 'include/tensorflow/c/c_api.h']) await writeFile(join(made, name), 'no library');
  return made;
}

describe('installTensorflow', () => {
  it('says what it found where there is no TensorFlow', async () => {
    expect(await failure(install(folder))).toMatchObject({ code: 'E_TENSORFLOW_SOURCE', found: folder });
    const nowhere = await failure(install(join(folder, 'no-python')));
    expect(nowhere).toMatchObject({ code: 'E_TENSORFLOW_SOURCE' });
    expect(nowhere.found).toMatch(/neither a folder, nor a wheel, nor a Python/);
    expect(nowhere.fix).toMatch(/--from/);
  });

  it('says when there is no compiler', async () => {
    vi.stubEnv('CXX', join(folder, 'no-compiler'));
    expect(await failure(install(await fakeTensorflow()))).toMatchObject({
      code: 'E_TENSORFLOW_COMPILER',
      fix: expect.stringMatching(/apt install/) as unknown,
    });
  });

  it('leaves nothing behind when the build fails', async () => {
    const { code } = await failure(install(await fakeTensorflow()));
    expect(['E_TENSORFLOW_BUILD', 'E_TENSORFLOW_COMPILER']).toContain(code);
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('says when the wheel cannot be fetched', async () => {
    vi.stubEnv('NLAKIT_PYTHON', join(folder, 'no-python'));
    expect(await failure(installTensorflow({ cache: join(folder, 'cache') }))).toMatchObject({
      code: 'E_TENSORFLOW_FETCH',
      fix: expect.stringMatching(/--from/) as unknown,
    });
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });
});

describe('extractWheel', () => {
  it('extracts what is wanted, byte for byte', async () => {
    const large = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * 2654435761) >>> 24);
    await writeFile(
      join(folder, 'a.whl'),
      zipSync({ 'tensorflow/large.bin': large, 'tensorflow/small.txt': Buffer.from('small'), 'other.py': [0] as never }),
    );
    await extractWheel(join(folder, 'a.whl'), join(folder, 'out'), (name) => name.startsWith('tensorflow/'));
    expect((await readdir(join(folder, 'out/tensorflow'))).sort()).toEqual(['large.bin', 'small.txt']);
    expect(Buffer.compare(await readFile(join(folder, 'out/tensorflow/large.bin')), large)).toBe(0);
    expect(await readFile(join(folder, 'out/tensorflow/small.txt'), 'utf8')).toBe('small');
  });

  it('refuses names that lead out of the folder, and what is no archive', async () => {
    await writeFile(join(folder, 'evil.whl'), zipSync({ 'tensorflow/../../evil.txt': Buffer.from('evil') }));
    expect((await failure(extractWheel(join(folder, 'evil.whl'), join(folder, 'out'), () => true))).code).toBe('E_TENSORFLOW_SOURCE');
    expect(await readdir(folder)).not.toContain('evil.txt');
    await writeFile(join(folder, 'text.whl'), 'no archive');
    await writeFile(join(folder, 'cut.whl'), zipSync({ 'tensorflow/x': new Uint8Array(100_000).fill(7) }).subarray(0, 60));
    expect(await failure(install(join(folder, 'text.whl')))).toMatchObject({ code: 'E_TENSORFLOW_SOURCE' });
    expect(await failure(install(join(folder, 'cut.whl')))).toMatchObject({ code: 'E_TENSORFLOW_SOURCE' });
  });
});

describe('findInstallation', () => {
  const record = async (changes: Readonly<Record<string, unknown>> = {}) => ({
    schema: 1,
    folder,
    tensorflow: '2.21.0',
    libraries: folder,
    gpu: false,
    sources: await sourcesId(),
    processor: await processorId(),
    compiler: 'c++',
    installedAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  });

  it('uses what fits this machine and these sources, and says why the rest does not', async () => {
    vi.stubEnv('NLAKIT_CACHE', folder);
    expect(await findInstallation()).toEqual([expect.stringMatching(/nothing is installed/)]);
    const place = join(folder, 'tensorflow/2.21.0-nlakit-x');
    await mkdir(place, { recursive: true });
    for (const [changes, reason] of [
      [{ processor: 'linux-x64-other' }, /another kind of machine/],
      [{ sources: 'older' }, /another version/],
      [{ schema: 2 }, /another version/],
      [{}, /nlakit\.node is gone/],
    ] as const) {
      await writeFile(join(place, recordFile), JSON.stringify(await record(changes)));
      expect(await findInstallation()).toEqual([expect.stringMatching(reason)]);
    }
    for (const name of ['nlakit.node']) await writeFile(join(place, name), '');
    expect(await readInstallation(place)).toMatchObject({ tensorflow: '2.21.0', folder: place });
    expect(await findInstallation()).toMatchObject({ folder: place });
  });

  it('counts those that do not fit for the same reason', async () => {
    vi.stubEnv('NLAKIT_CACHE', folder);
    for (const [name, changes] of [
      ['a', { sources: 'older' }],
      ['b', { sources: 'older still' }],
      ['c', { processor: 'linux-x64-other' }],
    ] as const) {
      const place = join(folder, `tensorflow/2.21.0-nlakit-${name}`);
      await mkdir(place, { recursive: true });
      await writeFile(join(place, recordFile), JSON.stringify(await record(changes)));
    }
    const reasons = await findInstallation();
    expect(reasons).toHaveLength(2);
    expect(reasons).toContainEqual(
      expect.stringMatching(/^2 installations in .*tensorflow: … was built from the sources of another version$/),
    );
    expect(reasons).toContainEqual(expect.stringMatching(/nlakit-c was built on another kind of machine/));
  });
});
