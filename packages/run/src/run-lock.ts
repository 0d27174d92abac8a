import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { NlaError } from '@nlakit/core';
import { withPath } from './file-writing.js';

/** Name of the lock file in a run folder. */
export const lockFileName = 'run.lock';

/** The right to write into a run folder. */
export interface RunLock {
  /** The process that had the lock and ended without giving it back, if there was one. */
  readonly abandonedBy: string | undefined;
  release(): Promise<void>;
}

/** What a lock file says of its holder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601: when the lock was taken. */
  readonly since: string;
  /** Tells this process from a later one of the same number; null where the system does not say. */
  readonly process: string | null;
}

/** Locks of this process, so that its sessions share one. */
const held = new Map<string, { sessions: number }>();

/**
 * Takes the lock of a run folder, which has to exist: one process at a time writes into a run. The lock of a process that is gone, also
 * of one that was killed, is taken over. Throws `E_RUN_LOCKED` with who holds it, and `E_WRITE`.
 */
export async function lockRun(folder: string): Promise<RunLock> {
  const file = join(resolve(folder), lockFileName);
  const own = held.get(file);
  if (own !== undefined) {
    own.sessions += 1;
    return shared(file, own, undefined);
  }
  const me: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString(), process: await processIdentity(process.pid) };
  let abandonedBy: string | undefined;
  // A second round is needed after taking a dead process's lock away; more only if others do the same at the same moment.
  for (let round = 0; round < 20; round++) {
    if (await create(file, me)) {
      const entry = { sessions: 1 };
      held.set(file, entry);
      return shared(file, entry, abandonedBy);
    }
    const text = await settledText(file);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && (await isAlive(holder))) throw locked(file, holder);
    await removeStale(file, text);
    abandonedBy = holder === undefined ? 'an unknown process' : describe(holder);
  }
  throw new NlaError('E_RUN_LOCKED', {
    message: 'Several processes are trying to work on this run.',
    file,
    fix: 'Start only one of them.',
    kind: 'input',
  });
}

/** The process that is at work on a run folder, in words; undefined where none is. */
export async function runHolder(folder: string): Promise<string | undefined> {
  const file = join(resolve(folder), lockFileName);
  const holder = parseHolder((await settledText(file)) ?? '');
  if (holder === undefined) return undefined;
  return held.has(file) || (await isAlive(holder)) ? describe(holder) : undefined;
}

function shared(file: string, entry: { sessions: number }, abandonedBy: string | undefined): RunLock {
  let released = false;
  return {
    abandonedBy,
    async release() {
      if (released) return;
      released = true;
      entry.sessions -= 1;
      if (entry.sessions > 0) return;
      held.delete(file);
      await rm(file, { force: true });
    },
  };
}

/** Makes the lock file with its whole content at once; false if there is one. */
async function create(file: string, holder: Holder): Promise<boolean> {
  const content = `${JSON.stringify(holder)}\n`;
  const temporary = `${file.slice(0, -lockFileName.length)}.${lockFileName}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  return withPath(file, async () => {
    try {
      await writeFile(temporary, content, { flag: 'wx' });
      await link(temporary, file);
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') return false;
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS' && code !== 'EMLINK') throw error;
      // A file system without hard links.
      return await writeFile(file, content, { flag: 'wx' }).then(
        () => true,
        (second: unknown) => {
          if ((second as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw second;
        },
      );
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

/** The lock file's text; undefined if it is gone. Without hard links a file may be looked at before its content is there. */
async function settledText(file: string): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined || attempt === 5 || parseHolder(text) !== undefined) return text;
    await wait(50);
  }
}

/** Takes a dead process's lock away. Renaming first: of two that do so, only one gets it, and neither takes a live one's. */
async function removeStale(file: string, text: string): Promise<void> {
  const taken = `${file.slice(0, -lockFileName.length)}.${lockFileName}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  await withPath(file, async () => {
    try {
      await rename(file, taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    // Somebody may have been quicker and have the lock by right.
    if ((await readFile(taken, 'utf8')) !== text) await link(taken, file).catch(() => undefined);
    await rm(taken, { force: true });
  });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    if (typeof value?.pid !== 'number' || typeof value.host !== 'string' || typeof value.since !== 'string') return undefined;
    return { pid: value.pid, host: value.host, since: value.since, process: value.process ?? null };
  } catch {
    return undefined;
  }
}

/** Whether the holder may still be at work. A process of another machine cannot be looked up, so it counts as alive. */
async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.host !== hostname()) return true;
  // What this process holds, it knows: this is a copy of a folder, or a number used again.
  if (holder.pid === process.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  if (process.platform !== 'linux' || !(await isReadable('/proc/self/stat'))) return true;
  const identity = await processIdentity(holder.pid);
  // Ended since the call above, ended but not yet collected by its parent, or another process under a number used again.
  return identity !== null && (holder.process === null || identity === holder.process);
}

/** Boot and start time of a process on Linux; null for one that has ended, and on other systems. */
async function processIdentity(pid: number): Promise<string | null> {
  try {
    const [boot, text] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    // The second field, the name in brackets, may hold anything. After it: state, …, start time in clock ticks since boot (field 22).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return `${boot.trim()}:${fields[19] ?? ''}`;
  } catch {
    return null;
  }
}

async function isReadable(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function describe({ pid, host, since }: Holder): string {
  return `process ${pid} on ${host}, since ${since}`;
}

function locked(file: string, holder: Holder): NlaError {
  const elsewhere = holder.host !== hostname();
  return new NlaError('E_RUN_LOCKED', {
    message: 'Another process is working on this run.',
    file,
    found: describe(holder),
    expected: 'one process at a time',
    fix: elsewhere
      ? `Wait until it ends. That machine cannot be asked from here: if the process is certainly gone, remove ${lockFileName}.`
      : `Wait until it ends, or stop it with Ctrl-C or \`kill ${holder.pid}\`: it saves its state first.`,
    kind: 'input',
  });
}
