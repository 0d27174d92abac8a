import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release, ReleaseFile } from '@nlakit/core';
import type { OpenedRun } from '@nlakit/run';
import { baseModelFolders } from './base-model-folders.js';

const documents = /^(LICEN[CS]E|NOTICE|COPYING|USE_POLICY)[^/]*$/i;

/**
 * The release with licence and notices of the base model at its top, as they lie beside its weights: what is made from a model comes
 * with its terms. Files that the release has already stay.
 */
export async function withBaseModelDocuments(release: Release, run: Pick<OpenedRun, 'folder' | 'record'>): Promise<Release> {
  const present = new Set(release.files.map(({ path }) => path));
  for (const folder of await baseModelFolders(run)) {
    const names = (await readdir(folder, { withFileTypes: true }).catch(() => []))
      .filter((entry) => !entry.isDirectory() && documents.test(entry.name))
      .map(({ name }) => name)
      .sort();
    if (names.length === 0) continue;
    const added: ReleaseFile[] = names
      .filter((name) => !present.has(name))
      .map((name) => ({ path: name, source: { file: join(folder, name) } }));
    return { ...release, files: [...release.files, ...added].sort((a, b) => (a.path < b.path ? -1 : 1)) };
  }
  return release;
}
