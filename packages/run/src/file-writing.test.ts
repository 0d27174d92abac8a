import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isFolder, makeFolder, writeFolderAtomically } from './file-writing.js';

describe('makeFolder', () => {
  it('makes parents, and is content with what is there', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-files-'));
    await Promise.all([makeFolder(join(root, 'a/b/c')), makeFolder(join(root, 'a/b/d'))]);
    await makeFolder(join(root, 'a/b'));
    expect(await readdir(join(root, 'a/b'))).toEqual(['c', 'd']);
  });

  it('names the path when a file is in the way', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-files-'));
    await writeFile(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'E_WRITE', details: { file: join(root, 'file') } });
    await expect(makeFolder(join(root, 'file/below/it'))).rejects.toMatchObject({ code: 'E_WRITE' });
  });

  it.skipIf(process.platform !== 'linux')('comes back from a file system that takes no folders', async () => {
    await expect(makeFolder('/proc/nla/run')).rejects.toMatchObject({ code: 'E_WRITE' });
  });
});

describe('writeFolderAtomically', () => {
  it('shows nothing of a folder that could not be filled, and keeps the one before', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-files-'));
    const folder = join(root, 'step_000001');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
    const attempt = writeFolderAtomically(folder, async (temporary) => {
      await writeFile(join(temporary, 'half'), 'x');
      throw full;
    });
    await expect(attempt).rejects.toMatchObject({ code: 'E_WRITE', message: expect.stringMatching(/step_000001[\s\S]*Free space/) });
    expect(await isFolder(folder)).toBe(false);
    await writeFolderAtomically(folder, (temporary) => writeFile(join(temporary, 'whole'), 'y'));
    await expect(
      writeFolderAtomically(folder, () => {
        throw full;
      }),
    ).rejects.toMatchObject({ code: 'E_WRITE' });
    expect(await readdir(folder)).toEqual(['whole']);
    expect(await readdir(root)).toEqual(['step_000001']);
  });
});
