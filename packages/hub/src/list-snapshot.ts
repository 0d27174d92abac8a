import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileBytes, type RepositoryCache } from './cache-layout.js';
import type { ListedFile } from './listing.js';

/** The files a snapshot has, with the hashes that the names of their blobs state. */
export async function listSnapshot(cache: RepositoryCache, commit: string): Promise<readonly ListedFile[]> {
  const folder = cache.snapshot(commit);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = await Promise.all(
    entries.map(async (entry): Promise<ListedFile | undefined> => {
      const place = path.join(entry.parentPath, entry.name);
      const bytes = place.endsWith('.incomplete') ? undefined : await fileBytes(place);
      if (bytes === undefined) return undefined;
      const blob = path.basename(await realpath(place));
      const etag = /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(blob) ? blob : '';
      return {
        path: path.relative(folder, place).split(path.sep).join('/'),
        content: { algorithm: etag.length === 64 ? 'sha256' : 'git-sha1', etag, bytes },
      };
    }),
  );
  return files.filter((file) => file !== undefined);
}

/** Shards that a model's index names and its folder lacks; for a model without an index, `model.safetensors` if that is missing. */
export async function missingWeights(folder: string): Promise<readonly string[]> {
  const has = async (name: string): Promise<boolean> => (await fileBytes(path.join(folder, name))) !== undefined;
  const index = await readFile(path.join(folder, 'model.safetensors.index.json'), 'utf8').catch(() => undefined);
  if (index === undefined) return !(await has('config.json')) || (await has('model.safetensors')) ? [] : ['model.safetensors'];
  const names = shardNames(index);
  const there = await Promise.all(names.map(has));
  return names.filter((_, position) => there[position] !== true);
}

function shardNames(index: string): readonly string[] {
  try {
    const { weight_map } = JSON.parse(index) as { readonly weight_map?: unknown };
    return [...new Set(Object.values(weight_map ?? {}).map(String))].sort();
  } catch {
    // What is wrong with the index is for its reader to say.
    return [];
  }
}
