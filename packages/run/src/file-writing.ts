import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isNlaError } from '@nlakit/core';
import { atomicWriteFile, fsyncFolder, writeError } from '@nlakit/safetensors';

/** Runs `work` and turns what the file system says against it into `E_WRITE` with the path. */
export async function withPath<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isSystemError(error) ? writeError(path, error) : error;
  }
}

function isSystemError(error: unknown): boolean {
  return !isNlaError(error) && error instanceof Error && 'syscall' in error;
}

/** Makes a folder with its parents. Throws `E_WRITE`. */
export async function makeFolder(folder: string): Promise<void> {
  await withPath(folder, () => makeMissing(resolve(folder)));
}

/** Step by step, because Node's recursive `mkdir` never comes back where the system answers ENOENT below an existing folder (/proc). */
async function makeMissing(folder: string): Promise<void> {
  const make = async (): Promise<void> => {
    try {
      await mkdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isFolder(folder))) throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Somebody else may have made the parent in the meantime.
    const parent = dirname(folder);
    if (!(await isFolder(parent))) await makeMissing(parent);
    await make();
  }
}

/** Writes a file that is either whole or not there, making its folder. Throws `E_WRITE`. */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await atomicWriteFile(path, content);
}

/**
 * Fills a folder that becomes visible whole or not at all: `fill` writes into a temporary sibling, everything in it is synced, and a
 * rename shows it last. A folder of that name that is already there is replaced, or left alone if it holds the same files.
 */
export async function writeFolderAtomically(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  await withPath(folder, async () => {
    const temporary = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`);
    await makeFolder(dirname(folder));
    await rm(temporary, { recursive: true, force: true });
    try {
      await mkdir(temporary);
      await fill(temporary);
      await syncTree(temporary);
      const replaced = join(dirname(folder), `.${basename(folder)}.${process.pid}.old`);
      const exists = await isFolder(folder);
      if (exists && (await haveSameFiles(folder, temporary))) {
        await rm(temporary, { recursive: true, force: true });
        return;
      }
      if (exists) await rename(folder, replaced);
      await rename(temporary, folder);
      if (exists) await rm(replaced, { recursive: true, force: true });
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
    await fsyncFolder(dirname(folder));
  });
}

/** Removes a folder so that nobody sees it half removed: it is renamed out of sight first. */
export async function removeFolder(folder: string): Promise<void> {
  await withPath(folder, async () => {
    const hidden = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`);
    await rm(hidden, { recursive: true, force: true });
    await rename(folder, hidden);
    await rm(hidden, { recursive: true, force: true });
  });
}

const litter = /^\.(.+)\.\d+(?:-[0-9a-f]+)?\.(tmp|old)$/;

/** Whether a name is that of something a killed process was still writing. */
export function isLitter(name: string): boolean {
  return litter.test(name);
}

/**
 * Clears away what killed processes left in a folder and below: half-written temporary files and folders go; a folder that was moved
 * aside to be replaced, with nothing in its place yet, comes back. Nobody else may be writing there.
 */
export async function clearLitter(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw writeError(folder, error);
  });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const match = litter.exec(entry.name);
    if (match === null) {
      if (entry.isDirectory()) await clearLitter(path);
      continue;
    }
    const [, name = '', kind] = match;
    await withPath(path, async () => {
      if (kind === 'old' && !(await isFolder(join(folder, name)))) await rename(path, join(folder, name));
      else await rm(path, { recursive: true, force: true });
    });
  }
}

async function haveSameFiles(one: string, other: string): Promise<boolean> {
  const [files, others] = await Promise.all([filesBelow(one), filesBelow(other)]);
  if (files.join('\n') !== others.join('\n')) return false;
  for (const file of files) if ((await sha256File(join(one, file))) !== (await sha256File(join(other, file)))) return false;
  return true;
}

/** Whether `path` is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Names in a folder, sorted, without temporary ones; empty when the folder does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw writeError(folder, error);
  }
}

/** All files below a folder as paths with `/`, sorted; temporary ones left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    .sort();
}

/** sha256 (hex) of a file, read in pieces. */
export async function sha256File(path: string): Promise<string> {
  return withPath(path, async () => {
    const hash = createHash('sha256');
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
    return hash.digest('hex');
  });
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else await syncPath(path);
  }
  await fsyncFolder(folder);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
