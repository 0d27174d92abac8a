import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileBytes, type RepositoryCache } from './cache-layout.js';
import { createContentHash, hashFile } from './content-hash.js';
import type { ListedFile } from './listing.js';

/** Where a listed file is in the cache. */
export interface CachedFile {
  /** Its path in the snapshot, whether it is there or not. */
  readonly place: string;
  /** `snapshot`: visible. `blob`: the content is here under its hash only. */
  readonly state: 'snapshot' | 'blob' | 'missing';
}

/** Looks for a file of a commit; what has another size than listed does not count. */
export async function findCachedFile(cache: RepositoryCache, commit: string, { path: name, content }: ListedFile): Promise<CachedFile> {
  const place = path.join(cache.snapshot(commit), ...name.split('/'));
  if ((await fileBytes(place)) === content.bytes) return { place, state: 'snapshot' };
  if ((await fileBytes(cache.blob(content.etag))) === content.bytes) return { place, state: 'blob' };
  return { place, state: 'missing' };
}

/** Reads a cached file and removes it, with its blob, if its content is not what is listed. */
export async function removeIfDamaged(cache: RepositoryCache, file: ListedFile, found: CachedFile, signal: AbortSignal): Promise<boolean> {
  if (found.state === 'missing' || file.content.etag === '') return false;
  const hash = createContentHash(file.content);
  await hashFile(found.state === 'snapshot' ? found.place : cache.blob(file.content.etag), hash, signal);
  if (hash.matches()) return false;
  await rm(found.place, { force: true });
  await rm(cache.blob(file.content.etag), { force: true });
  return true;
}
