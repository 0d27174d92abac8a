import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clearLitter, isFolder, makeFolder, writeFolderAtomically } from './file-writing.js';

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

describe('writing a folder again', () => {
  it('leaves it alone if it would be the same, so that it is never away for a moment', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'nla-files-')), 'step_000001');
    const fill =
      (content: string) =>
      (temporary: string): Promise<void> =>
        writeFile(join(temporary, 'file'), content);
    await writeFolderAtomically(folder, fill('x'));
    const { ino } = await stat(folder);
    await writeFolderAtomically(folder, fill('x'));
    expect((await stat(folder)).ino).toBe(ino);
    await writeFolderAtomically(folder, fill('y'));
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('y');
    expect(await readdir(join(folder, '..'))).toEqual(['step_000001']);
  });
});

describe('clearLitter', () => {
  it('removes what was half written, and brings back what was moved aside for something that never came', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-files-'));
    for (const name of ['resume/.step_000002.77.tmp', 'resume/.step_000001.77.old', 'resume/.step_000003.77.old', 'resume/step_000003']) {
      await mkdir(join(root, name), { recursive: true });
      await writeFile(join(root, name, 'file'), name);
    }
    for (const name of ['.model.json.77-0a1b2c3d.tmp', '.gitignore', '.notes.tmp']) await writeFile(join(root, name), '');
    await clearLitter(root);
    expect((await readdir(root)).sort()).toEqual(['.gitignore', '.notes.tmp', 'resume']);
    expect(await readdir(join(root, 'resume'))).toEqual(['step_000001', 'step_000003']);
    expect(await readFile(join(root, 'resume/step_000003/file'), 'utf8')).toBe('resume/step_000003');
    await clearLitter(join(root, 'nothing'));
  });
});
