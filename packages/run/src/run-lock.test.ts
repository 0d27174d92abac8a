import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockRun } from './run-lock.js';

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'nla-lock-'));

async function writeHolder(folder: string, holder: { readonly pid: number; readonly host?: string; readonly process?: string | null }) {
  const full = { host: hostname(), since: '2026-01-02T03:04:05.000Z', process: null, ...holder };
  await writeFile(join(folder, 'run.lock'), JSON.stringify(full));
}

/** A process that does nothing until it is killed. */
async function idleProcess() {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("x"); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, kill: () => (child.kill('SIGKILL'), once(child, 'exit')) };
}

describe('lockRun', () => {
  it('says in the folder who is at work, and leaves nothing behind', async () => {
    const folder = await newFolder();
    const lock = await lockRun(folder);
    expect(lock.abandonedBy).toBeUndefined();
    expect(JSON.parse(await readFile(join(folder, 'run.lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
    await lock.release();
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is shared by the sessions of one process', async () => {
    const folder = await newFolder();
    const [one, two] = [await lockRun(folder), await lockRun(join(folder, '.'))];
    await one.release();
    expect(await readdir(folder)).toEqual(['run.lock']);
    await two.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses while another process is at work, and takes over when it was killed', async () => {
    const folder = await newFolder();
    const other = await idleProcess();
    await writeHolder(folder, { pid: other.pid });
    await expect(lockRun(folder)).rejects.toMatchObject({
      code: 'E_RUN_LOCKED',
      details: {
        file: join(folder, 'run.lock'),
        found: `process ${other.pid} on ${hostname()}, since 2026-01-02T03:04:05.000Z`,
        fix: expect.stringContaining(`kill ${other.pid}`),
        kind: 'input',
      },
    });
    await other.kill();
    const lock = await lockRun(folder);
    expect(lock.abandonedBy).toContain(`process ${other.pid}`);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('knows a process from a later one of the same number', async () => {
    const folder = await newFolder();
    const other = await idleProcess();
    await writeHolder(folder, { pid: other.pid, process: 'another boot:1' });
    expect((await lockRun(folder)).abandonedBy).toContain(`process ${other.pid}`);
    await other.kill();
  });

  it('does not guess about processes of another machine', async () => {
    const folder = await newFolder();
    await writeHolder(folder, { pid: 1, host: 'elsewhere' });
    await expect(lockRun(folder)).rejects.toMatchObject({
      code: 'E_RUN_LOCKED',
      details: { fix: expect.stringContaining('remove run.lock') },
    });
  });

  it('takes a lock file for abandoned that a crash left without content', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'run.lock'), '');
    expect((await lockRun(folder)).abandonedBy).toBe('an unknown process');
  });
});
