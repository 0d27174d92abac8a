import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { isNlaError, NlaError, type PublishEvent, type PublishPlan, type Publisher, type Release, type ReleaseFile } from '@nlakit/core';
import { makeFolder } from '@nlakit/run';
import { findLeaks } from './leaks.js';

/** Files that are read as text and searched for leaks; weights and pictures are not. */
const binary = new Set(['.safetensors', '.parquet', '.png', '.jpg', '.jpeg', '.webp', '.gif', '.woff', '.woff2', '.ico', '.pdf']);

/**
 * Lays releases out below `root` as `<root>/<repository>/…`. A file that is already there with the same hash is left alone, so an
 * interrupted publication goes on where it stopped; files of others are never removed.
 *
 * `plan` throws `E_PUBLISH_PATH`, `E_PUBLISH_FILE` and `E_PUBLISH_LEAK`; `publish` throws `E_PUBLISH_WRITE` and `E_INTERRUPTED`.
 */
export function directoryPublisher(root: string): Publisher {
  return {
    name: 'directory',
    plan: (release) => plan(root, release),
    publish: (publishPlan, signal) => publish(publishPlan, signal),
  };
}

async function plan(root: string, release: Release): Promise<PublishPlan> {
  const destination = inside(root, release.repository);
  const seen = new Set<string>();
  const files: PublishPlan['files'][number][] = [];
  const warnings: PublishPlan['warnings'][number][] = [];
  for (const file of release.files) {
    const target = inside(destination, file.path);
    if (seen.has(file.path)) {
      throw new NlaError('E_PUBLISH_PATH', { message: 'Two files of the release have the same path.', found: file.path });
    }
    seen.add(file.path);
    const { bytes, sha256 } = await measure(file);
    if (!binary.has(extname(file.path).toLowerCase())) await refuseLeaks(file);
    const present = await hashIfPresent(target);
    if (present !== undefined && present !== sha256) {
      warnings.push({ code: 'W_PUBLISH_REPLACES', message: `${file.path} is there with other content and will be replaced.` });
    }
    files.push({ ...file, bytes, sha256, unchanged: present === sha256 });
  }
  return {
    repository: release.repository,
    destination,
    files,
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    warnings,
  };
}

async function* publish(plan: PublishPlan, signal: AbortSignal): AsyncGenerator<PublishEvent> {
  let doneBytes = 0;
  for (const file of plan.files) {
    if (signal.aborted) {
      throw new NlaError('E_INTERRUPTED', {
        message: 'Interrupted: what has been copied stays.',
        fix: 'Publish again; files that are there are skipped.',
      });
    }
    const target = inside(plan.destination, file.path);
    if ((await hashIfPresent(target)) !== file.sha256) await copyAtomically(file, target, file.sha256);
    doneBytes += file.bytes;
    yield { type: 'progress', path: file.path, doneBytes, totalBytes: plan.totalBytes };
  }
  yield { type: 'done', destination: plan.destination, files: plan.files.length, bytes: plan.totalBytes };
}

/** The absolute path of `path` below `folder`. Throws `E_PUBLISH_PATH` for a path that leads out of it. */
function inside(folder: string, path: string): string {
  const target = resolve(folder, path);
  if (path === '' || path.includes('\\') || path.includes('\0') || !target.startsWith(resolve(folder) + sep)) {
    throw new NlaError('E_PUBLISH_PATH', {
      message: 'A release may only write inside its own folder.',
      found: JSON.stringify(path),
      expected: 'a relative path with /',
      kind: 'input',
    });
  }
  return target;
}

async function measure(file: ReleaseFile): Promise<{ readonly bytes: number; readonly sha256: string }> {
  if ('content' in file.source) {
    const content = Buffer.from(file.source.content, 'utf8');
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }
  try {
    return { bytes: (await stat(file.source.file)).size, sha256: await hashFile(file.source.file) };
  } catch (cause) {
    throw new NlaError('E_PUBLISH_FILE', {
      message: 'A file of the release cannot be read.',
      file: file.source.file,
      found: cause instanceof Error ? cause.message : String(cause),
      kind: 'input',
      cause,
    });
  }
}

async function refuseLeaks(file: ReleaseFile): Promise<void> {
  const text = 'content' in file.source ? file.source.content : await readFile(file.source.file, 'utf8');
  const own = [homedir(), tmpdir(), process.cwd()].filter((path) => path !== '/');
  const [first, ...more] = findLeaks(text, own);
  if (first === undefined) return;
  throw new NlaError('E_PUBLISH_LEAK', {
    message: `This file holds ${first.what}, which must not leave the machine${more.length === 0 ? '' : ` (and ${more.length} more)`}.`,
    file: file.path,
    line: first.line,
    column: 1,
    found: first.found,
    fix: 'Remove it from where the file is made (paths in a config should be relative), then publish again.',
    kind: 'input',
  });
}

async function hashIfPresent(path: string): Promise<string | undefined> {
  try {
    return await hashFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw writeFailure(path, error);
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

async function copyAtomically(file: ReleaseFile, target: string, sha256: string): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    await makeFolder(dirname(target));
    if ('content' in file.source) await writeFile(temporary, file.source.content);
    else await copyFile(file.source.file, temporary);
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const copied = await hashFile(temporary);
    if (copied !== sha256) {
      throw new NlaError('E_PUBLISH_FILE', {
        message: 'The file has changed since the plan was made.',
        file: file.path,
        found: copied,
        expected: sha256,
        fix: 'Plan again.',
      });
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(target, error);
  }
}

function writeFailure(path: string, cause: unknown): unknown {
  if (isNlaError(cause) && cause.code !== 'E_WRITE') return cause;
  const found = isNlaError(cause) ? cause.details.found : undefined;
  return new NlaError('E_PUBLISH_WRITE', {
    message: 'This file cannot be written.',
    file: path,
    found: found ?? (cause instanceof Error ? cause.message : String(cause)),
    fix: 'Free space or correct the permissions, then publish again; what is there is kept.',
    cause,
  });
}
