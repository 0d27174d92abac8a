import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { NlaError } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';
import { makeFolder } from './make-folder.js';
import { isCommitId, type RepositoryType } from './repository-id.js';

/**
 * Folders of one repository in the cache of the Python tools: `blobs/<etag>`, `refs/<revision>` (a file with the commit id) and
 * `snapshots/<commit>/<path>` (links to blobs). Listings of commits lie in `trees`, ours beside theirs.
 */
export interface RepositoryCache {
  readonly folder: string;
  blob(etag: string): string;
  lock(etag: string): string;
  snapshot(commit: string): string;
  ref(revision: string): string;
  /** Listings of a commit, the one written here first. */
  listings(commit: string): readonly [own: string, ofPython: string];
}

/** The layout for one repository; nothing is touched. */
export function repositoryCache(cacheFolder: string, type: RepositoryType, id: string): RepositoryCache {
  const name = [`${type}s`, ...id.split('/')].join('--');
  const folder = path.join(cacheFolder, name);
  return {
    folder,
    blob: (etag) => path.join(folder, 'blobs', etag),
    // The Python tools hold `<etag>.lock` by flock(2), which Node does not have; they need no lock to be right, and neither do files here.
    lock: (etag) => path.join(cacheFolder, '.locks', name, `${etag}.nlakit.lock`),
    snapshot: (commit) => path.join(folder, 'snapshots', commit),
    ref: (revision) => path.join(folder, 'refs', ...revision.split('/')),
    listings: (commit) => [path.join(folder, 'trees', `${commit}.nlakit.json`), path.join(folder, 'trees', `${commit}.json`)],
  };
}

/** The commit that a revision was at when it was last looked up; a commit id is itself. */
export async function cachedCommit(cache: RepositoryCache, revision: string): Promise<string | undefined> {
  if (isCommitId(revision)) return revision;
  const text = (await readFile(cache.ref(revision), 'utf8').catch(() => '')).trim();
  return isCommitId(text) ? text : undefined;
}

/** Notes the commit of a branch or tag. */
export async function writeRef(cache: RepositoryCache, revision: string, commit: string): Promise<void> {
  if (isCommitId(revision) || (await cachedCommit(cache, revision)) === commit) return;
  await makeFolder(path.dirname(cache.ref(revision)));
  await atomicWriteFile(cache.ref(revision), commit);
}

/** Size in bytes of a file, through links; nothing if there is no such file. */
export async function fileBytes(file: string): Promise<number | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks that a path of a repository stays inside the folder it is put into, on every system. The name comes from the server. Throws
 * `E_HUB_PATH`.
 */
export function checkRepositoryPath(name: string): string {
  const parts = name.split('/');
  const wrong = /[\p{Cc}\\:]/u;
  if (!wrong.test(name) && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return name;
  throw new NlaError('E_HUB_PATH', {
    message: 'The repository has a file whose name would lead out of its folder, or cannot be kept on every system. It is not fetched.',
    found: JSON.stringify(name),
    expected: 'names and folders with / between them',
    fix: 'Ask its owner to rename the file, or leave it out with other --include patterns.',
  });
}
