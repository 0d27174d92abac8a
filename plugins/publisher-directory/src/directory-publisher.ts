import { copyFile, open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { isNlaError, NlaError, type PublishEvent, type PublishPlan, type Publisher, type Release, type ReleaseFile } from '@nlakit/core';
import { checkRelease, hashOfFile, makeFolder } from '@nlakit/run';

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
  const files: PublishPlan['files'][number][] = [];
  const warnings: PublishPlan['warnings'][number][] = [];
  // What is laid out in a folder may hold rows, and may stand on a model of this machine: the Hub's publisher is stricter.
  for (const file of await checkRelease(release, { corpusRows: true, publicBase: false })) {
    const present = await hashIfPresent(inside(destination, file.path));
    if (present !== undefined && present !== file.sha256) {
      warnings.push({ code: 'W_PUBLISH_REPLACES', message: `${file.path} is there with other content and will be replaced.` });
    }
    files.push({ ...file, unchanged: present === file.sha256 });
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

async function hashIfPresent(path: string): Promise<string | undefined> {
  try {
    return await hashOfFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw writeFailure(path, error);
  }
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
    const copied = await hashOfFile(temporary);
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
