import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeError } from '@nlakit/safetensors';
import { makeFolder } from './make-folder.js';

/** A lock that is held. */
export interface FileLock {
  /** Whether it is still ours; another process takes it when this one was silent too long. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** How long to wait before saying so, in milliseconds. */
const patience = 2_000;
/** How often the holder shows that it lives, and how long a lock outlives the last sign, in milliseconds. */
const heartbeat = 5_000;
const staleAfter = 60_000;

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
}

/**
 * Waits for a lock file and takes it; `onWait` is called once if that takes more than a moment. A lock whose process has ended, or which showed no life for a minute, is taken over. Throws the
 * signal's reason, `E_WRITE`.
 */
export async function acquireFileLock(file: string, signal: AbortSignal, onWait: () => void): Promise<FileLock> {
  const holder: Holder = { token: randomUUID(), pid: process.pid, host: hostname() };
  await makeFolder(path.dirname(file));
  let waited = 0;
  for (let wait = 20; !(await create(file, holder)); wait = Math.min(wait * 2, 500)) {
    if (await takeAway(file)) continue;
    if (waited < patience && waited + wait >= patience) onWait();
    waited += wait;
    await delay(wait, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
  const timer = setInterval(() => {
    const now = new Date();
    // If it is gone, isHeld says so when it matters.
    utimes(file, now, now).catch(() => undefined);
  }, heartbeat);
  timer.unref();
  const isHeld = async (): Promise<boolean> => (await readHolder(file))?.token === holder.token;
  return {
    isHeld,
    async release() {
      clearInterval(timer);
      if (await isHeld()) await rm(file, { force: true });
    },
  };
}

/** Makes the lock file unless there is one. */
async function create(file: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw writeError(file, error);
  }
}

/** Removes a lock that nobody holds any more; false if somebody does. */
async function takeAway(file: string): Promise<boolean> {
  const holder = await readHolder(file);
  const seen = await stat(file).catch(() => undefined);
  if (seen === undefined) return true;
  const ended = holder?.host === hostname() && !isAlive(holder.pid);
  if (!ended && Date.now() - seen.mtimeMs < staleAfter) return false;
  const away = `${file}.${randomUUID()}`;
  await rename(file, away).catch(() => undefined);
  // Another process may have been quicker, and this be its new lock: then it goes back.
  if ((await readHolder(away))?.token !== holder?.token) await link(away, file).catch(() => undefined);
  await rm(away, { force: true });
  return true;
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
