import { isNlaError, NlaError } from '@nlakit/core';
import { cachedCommit, repositoryCache } from './cache-layout.js';
import { createHubFetch } from './hub-fetch.js';
import type { Subject } from './hub-failure.js';
import { hubSettings, type HubSettingsOptions } from './hub-settings.js';
import { listCommit, resolveCommit } from './list-repository.js';
import { listSnapshot } from './list-snapshot.js';
import { readListing, writeListing, type ListedFile } from './listing.js';
import { checkRevision, parseRepositoryReference, type RepositoryType } from './repository-id.js';
import { defaultRetryPolicy, warnOfRetries, type RetryPolicy } from './with-retries.js';

/** Options of {@link listRevision}. */
export interface ListRevisionOptions extends HubSettingsOptions {
  readonly type?: RepositoryType;
  /** Branch, tag, `refs/pr/N` or commit. Default: the one in the id, else `main`. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  readonly onWarning?: (message: string) => void;
  readonly retry?: Partial<RetryPolicy>;
}

/** What a repository holds at a revision. */
export interface RevisionListing {
  readonly id: string;
  /** The branch, tag or commit that was asked for. */
  readonly requested: string;
  /** The commit that it is at. */
  readonly revision: string;
  /** All files there; from the cache alone, without a listing that was kept, those that are in the cache. */
  readonly files: readonly ListedFile[];
}

/**
 * The files of a repository at a revision, without fetching any. Offline, or where the Hub does not answer, it is what the cache knows.
 * Throws `E_HUB_ID`, `E_HUB_REVISION`, `E_HUB_URL`, `E_HUB_NOT_CACHED` and the other `E_HUB_…` errors of asking the Hub.
 */
export async function listRevision(reference: string, options: ListRevisionOptions = {}): Promise<RevisionListing> {
  const { id, revision: named } = parseRepositoryReference(reference);
  const requested = checkRevision(options.revision ?? named ?? 'main');
  const settings = await hubSettings(options);
  const subject: Subject = { settings, id, type: options.type ?? 'model', revision: requested };
  const cache = repositoryCache(settings.cacheFolder, subject.type, id);
  const known = async (): Promise<RevisionListing | undefined> => {
    const commit = await cachedCommit(cache, requested);
    if (commit === undefined) return undefined;
    const files = (await readListing(cache, commit)) ?? (await listSnapshot(cache, commit));
    // A commit id is known by itself; that nothing of it is here says nothing of what it has.
    return files.length === 0 ? undefined : { id, requested, revision: commit, files };
  };
  if (settings.offline) {
    const cached = await known();
    if (cached !== undefined) return cached;
    throw new NlaError('E_HUB_NOT_CACHED', {
      message: `${id} at ${requested} is not in the cache, and the network is not to be used.`,
      file: cache.folder,
      fix: `Unset HF_HUB_OFFLINE, or fetch it where there is a network: nla pull ${id} --revision ${requested}`,
      kind: 'input',
    });
  }
  const policy = { ...defaultRetryPolicy, onRetry: warnOfRetries(options.onWarning), ...options.retry };
  const hubFetch = createHubFetch(subject, policy, options.signal ?? new AbortController().signal);
  try {
    const commit = await resolveCommit(subject, hubFetch);
    const listing = await readListing(cache, commit);
    const files = listing ?? (await listCommit(subject, commit, hubFetch));
    if (listing === undefined) await writeListing(cache, commit, files);
    return { id, requested, revision: commit, files };
  } catch (error) {
    const cached = isNlaError(error) && error.code === 'E_HUB_UNREACHABLE' ? await known() : undefined;
    if (cached === undefined) throw error;
    options.onWarning?.(
      `W_HUB_UNREACHABLE: ${settings.endpoint} does not answer; the cached ${requested} is used (commit ${cached.revision.slice(0, 12)}).`,
    );
    return cached;
  }
}
