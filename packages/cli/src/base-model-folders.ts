import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { isRepositoryId, parseRepositoryReference, resolveCachedModel } from '@nlakit/hub';
import type { OpenedRun } from '@nlakit/run';

/** Folders in which the base model of a run may lie: as a folder, in an npm data package, or in the cache of the Hub. */
export async function baseModelFolders({ folder, record }: Pick<OpenedRun, 'folder' | 'record'>): Promise<readonly string[]> {
  const { options } = record.model;
  const source = typeof options === 'object' && options !== null && 'source' in options ? options.source : undefined;
  if (typeof source !== 'string') return [];
  const from = resolve(folder, record.configFolder);
  const folders = [resolve(from, source)];
  for (const place of [join(from, 'package.json'), import.meta.url]) {
    try {
      folders.push(join(dirname(createRequire(place).resolve(`${source}/package.json`)), 'model'));
    } catch {
      // Not installed there.
    }
  }
  const [id = ''] = source.split('@');
  if (isRepositoryId(id)) {
    const cached = await resolveCachedModel(parseRepositoryReference(source)).catch(() => undefined);
    if (cached !== undefined) folders.push(cached.folder);
  }
  return folders;
}
