import { stat } from 'node:fs/promises';
import path from 'node:path';
import { NlaError } from '@nlakit/core';
import { cachedCommit, fileBytes, repositoryCache } from './cache-layout.js';
import { hubCacheFolder } from './hub-settings.js';
import { missingWeights } from './list-snapshot.js';
import { checkRevision, parseRepositoryReference, type RepositoryReference, type RepositoryType } from './repository-id.js';
import { checkSubfolder } from './select-files.js';

/** A base model or a dataset to find in the cache. */
export interface CachedModelRequest extends RepositoryReference {
  /** Default: the cache of the environment. */
  readonly cacheFolder?: string;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** An adapter to find in the cache. */
export interface CachedAdapterRequest extends CachedModelRequest {
  /** Folder of the adapter in the repository. Default: the top. */
  readonly subfolder?: string;
}

/** A folder of the cache. */
export interface CachedFolder {
  /** The model's or adapter's folder: the snapshot, or a folder in it. */
  readonly folder: string;
  readonly snapshot: string;
  /** The commit. */
  readonly revision: string;
}

/**
 * Finds a base model that was fetched before, without network: the snapshot that its revision (default `main`) was at when it was last
 * fetched, here or by the Python tools. Throws `E_HUB_NOT_CACHED` with the command to run, `E_HUB_ID`, `E_HUB_REVISION`.
 */
export async function resolveCachedModel(request: CachedModelRequest): Promise<CachedFolder> {
  const found = await findFolder(request);
  if ('problem' in found) throw notCached('model', request, found.problem);
  if (!(await isFile(found.folder, 'config.json'))) throw notCached('model', request, `no config.json in ${found.folder}`);
  const missing = await missingWeights(found.folder);
  if (missing.length > 0) throw notCached('model', request, `${found.folder} lacks ${missing.join(', ')}`);
  return found;
}

/**
 * Finds an adapter that was fetched before, without network, by repository, subfolder and revision (default `main`). Throws
 * `E_HUB_NOT_CACHED` with the command to run, `E_HUB_ID`, `E_HUB_REVISION`, `E_HUB_PATH`.
 */
export async function resolveCachedAdapter(request: CachedAdapterRequest): Promise<CachedFolder> {
  const found = await findFolder(request);
  if ('problem' in found) throw notCached('adapter', request, found.problem);
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    if (!(await isFile(found.folder, name))) throw notCached('adapter', request, `no ${name} in ${found.folder}`);
  }
  return found;
}

/**
 * Finds a dataset that was fetched before, without network, by repository and revision (default `main`). Throws `E_HUB_NOT_CACHED` with the
 * command to run, `E_HUB_ID`, `E_HUB_REVISION`.
 */
export async function resolveCachedDataset(request: CachedModelRequest): Promise<CachedFolder> {
  const found = await findFolder(request, 'dataset');
  if ('problem' in found) throw notCached('dataset', request, found.problem);
  if (!(await isFolder(found.snapshot))) throw notCached('dataset', request, `no folder ${found.snapshot}`);
  return found;
}

async function findFolder(
  request: CachedAdapterRequest,
  type: RepositoryType = 'model',
): Promise<CachedFolder | { readonly problem: string }> {
  const { id } = parseRepositoryReference(request.id);
  const cache = repositoryCache(request.cacheFolder ?? hubCacheFolder(request.env ?? process.env), type, id);
  const revision = checkRevision(request.revision ?? 'main');
  const subfolder = checkSubfolder(request.subfolder);
  const commit = await cachedCommit(cache, revision);
  if (commit === undefined) return { problem: `no ${revision} in ${path.join(cache.folder, 'refs')}` };
  const snapshot = cache.snapshot(commit);
  return { folder: path.join(snapshot, ...subfolder.split('/')), snapshot, revision: commit };
}

async function isFile(folder: string, name: string): Promise<boolean> {
  return (await fileBytes(path.join(folder, name))) !== undefined;
}

async function isFolder(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() === true;
}

function notCached(what: string, { id, subfolder, revision }: CachedAdapterRequest, found: string): NlaError {
  const flags = `${what === 'dataset' ? ' --type dataset' : ''}${subfolder === undefined ? '' : ` --subfolder ${subfolder}`}${revision === undefined ? '' : ` --revision ${revision}`}`;
  return new NlaError('E_HUB_NOT_CACHED', {
    message: `The ${what} ${id} is not in the cache.`,
    found,
    expected: `the files of the ${what}, from an earlier pull or from the Python tools`,
    fix: `nla pull ${id}${flags}`,
    kind: 'input',
  });
}
