import path from 'node:path';
import { isNlaError, NlaError } from '@nlakit/core';
import { cachedCommit, fileBytes, repositoryCache, writeRef, type RepositoryCache } from './cache-layout.js';
import { findCachedFile, removeIfDamaged, type CachedFile } from './cached-file.js';
import { checkDiskSpace, freeDiskBytes } from './disk-space.js';
import { fetchBlob, partialFile } from './fetch-blob.js';
import { createHubFetch } from './hub-fetch.js';
import type { Subject } from './hub-failure.js';
import { hubSettings, type HubSettingsOptions } from './hub-settings.js';
import { listCommit, resolveCommit } from './list-repository.js';
import { readListing, writeListing, type ListedFile } from './listing.js';
import { listSnapshot, missingWeights } from './list-snapshot.js';
import { placeFile } from './place-file.js';
import { checkRevision, isCommitId, parseRepositoryReference, type RepositoryType } from './repository-id.js';
import { checkSubfolder, selectFiles, type Selection } from './select-files.js';
import { defaultRetryPolicy, warnOfRetries, type RetryPolicy } from './with-retries.js';

/** How far a pull is. */
export interface PullProgress {
  /** Bytes of the files that were missing. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly files: number;
}

/** Options of {@link pull}. */
export interface PullOptions extends HubSettingsOptions {
  readonly type?: RepositoryType;
  /** Branch, tag, `refs/pr/N` or commit. Default: the one in the id, else `main`. */
  readonly revision?: string;
  /** Folder in the repository, e.g. the one of an adapter. */
  readonly subfolder?: string;
  /** Every file, not only those that nlakit uses. */
  readonly all?: boolean;
  /** Patterns of the files to fetch instead of the usual choice. */
  readonly include?: readonly string[];
  /** Reads what is cached already and checks its hash too. */
  readonly verify?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly onWarning?: (message: string) => void;
  /** Files fetched at a time. Default 4. */
  readonly concurrency?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** How much room a folder has, in bytes. Default: asked of the system. */
  readonly freeBytes?: (folder: string) => Promise<number | undefined>;
}

/** A file that a pull has brought or found. */
export interface PulledFile {
  /** Path in the repository. */
  readonly path: string;
  /** The file in the snapshot. */
  readonly file: string;
  readonly bytes: number;
  /** Of large objects; for the rest the Hub knows the git blob id only. */
  readonly sha256?: string;
  readonly gitOid?: string;
  readonly from: 'cache' | 'network';
}

/** What a pull leads to. */
export interface PullResult {
  readonly id: string;
  readonly type: RepositoryType;
  /** The folder of the model or adapter: the snapshot, or the subfolder in it. */
  readonly folder: string;
  readonly snapshot: string;
  /** The commit that was fetched. */
  readonly revision: string;
  /** The branch, tag or commit that was asked for. */
  readonly requested: string;
  readonly files: readonly PulledFile[];
  /** Bytes of content that came over the network now. */
  readonly receivedBytes: number;
  /** Bytes of interrupted downloads that were used. */
  readonly resumedBytes: number;
  /** Nothing was asked of the network. */
  readonly offline: boolean;
}

/**
 * Brings the files of a model, an adapter or a dataset into the cache that the Python tools share, and checks every one against the hash
 * that the Hub lists before it becomes visible. What is there already is used; interrupted downloads go on where they stopped; passing
 * faults are tried again. With a commit id, everything cached means no network at all; when offline, that is the only way.
 *
 * Throws `E_HUB_ID`, `E_HUB_REVISION`, `E_HUB_URL`, `E_HUB_PATH`, `E_HUB_NOTHING`, `E_HUB_OFFLINE`, `E_HUB_DISK`, `E_HUB_GATED`,
 * `E_HUB_TOKEN`, `E_HUB_FORBIDDEN`, `E_HUB_REPOSITORY_NOT_FOUND`, `E_HUB_REVISION_NOT_FOUND`, `E_HUB_FILE_NOT_FOUND`, `E_HUB_RATE_LIMIT`,
 * `E_HUB_UNREACHABLE`, `E_HUB_RESPONSE`, `E_HUB_LISTING`, `E_HUB_HASH`, `E_HUB_LOCK`, `E_WRITE`; `E_INTERRUPTED` when aborted.
 */
export async function pull(reference: string, options: PullOptions = {}): Promise<PullResult> {
  const outer = options.signal ?? new AbortController().signal;
  try {
    outer.throwIfAborted();
    return await pullFiles(reference, options, outer);
  } catch (error) {
    if (!outer.aborted || (isNlaError(error) && error.code !== 'E_ABORTED')) throw error;
    throw new NlaError('E_INTERRUPTED', {
      message: 'Interrupted: what was fetched so far is kept.',
      fix: 'Run the same command again: it goes on where it stopped.',
    });
  }
}

async function pullFiles(reference: string, options: PullOptions, signal: AbortSignal): Promise<PullResult> {
  const { id, revision: named } = parseRepositoryReference(reference);
  const type = options.type ?? 'model';
  const settings = await hubSettings(options);
  const requested = checkRevision(options.revision ?? named ?? 'main');
  const subfolder = checkSubfolder(options.subfolder);
  const selection: Selection = { type, subfolder, all: options.all ?? false, include: options.include };
  const subject: Subject = { settings, id, type, revision: requested };
  const policy = { ...defaultRetryPolicy, onRetry: warnOfRetries(options.onWarning), ...options.retry };
  const cache = repositoryCache(settings.cacheFolder, type, id);

  const found = await findCommitFiles(cache, subject, selection, policy, signal, options.onWarning);
  const { commit, offline } = found;
  const plans = await Promise.all(found.files.map(async (file) => ({ file, cached: await findCachedFile(cache, commit, file) })));
  if (options.verify === true) {
    for (const plan of plans) {
      if (await removeIfDamaged(cache, plan.file, plan.cached, signal)) plan.cached = { ...plan.cached, state: 'missing' };
    }
  }
  const missing = plans.filter(({ cached }) => cached.state === 'missing');
  if (offline && missing.length > 0)
    throw offlineError(
      subject,
      missing.map(({ file }) => file.path),
      settings.offline,
    );

  const sizes = await Promise.all(missing.map(({ file }) => remainingBytes(cache, file)));
  const freeBytes = options.freeBytes ?? freeDiskBytes;
  checkDiskSpace(cache.folder, sum(sizes), sizes.length === 0 ? undefined : await freeBytes(cache.folder));

  const count = { received: 0, resumed: 0 };
  const here = new Map<string, number>();
  const totalBytes = sum(missing.map(({ file }) => file.content.bytes));
  const report = (): void => options.onProgress?.({ doneBytes: sum([...here.values()]), totalBytes, files: missing.length });
  await inParallel(options.concurrency ?? 4, plans, signal, async ({ file, cached }, fileSignal) => {
    if (cached.state === 'missing') {
      const blob = await fetchBlob({
        subject: { ...subject, path: file.path },
        commit,
        content: file.content,
        cache,
        policy,
        signal: fileSignal,
        onBytes: (bytes) => {
          here.set(file.path, bytes);
          report();
        },
        onWait: () => options.onWarning?.(`W_HUB_WAITING: another process is fetching ${file.path}; waiting for it.`),
      });
      count.received += blob.receivedBytes;
      count.resumed += blob.resumedBytes;
    }
    if (cached.state !== 'snapshot') await placeFile(cache.blob(file.content.etag), cached.place, settings.symlinks);
  });
  // Last, so that the revision leads to the earlier snapshot as long as this one is not whole.
  if (!offline) await writeRef(cache, requested, commit);

  const snapshot = cache.snapshot(commit);
  return {
    id,
    type,
    folder: subfolder === '' ? snapshot : path.join(snapshot, ...subfolder.split('/')),
    snapshot,
    revision: commit,
    requested,
    files: plans.map(({ file, cached }) => pulledFile(file, cached)),
    receivedBytes: count.received,
    resumedBytes: count.resumed,
    offline,
  };
}

/** The commit and its wanted files: from the cache where that is enough or all there is, else from the Hub. */
async function findCommitFiles(
  cache: RepositoryCache,
  subject: Subject,
  selection: Selection,
  policy: RetryPolicy,
  signal: AbortSignal,
  onWarning: ((message: string) => void) | undefined,
): Promise<{ readonly commit: string; readonly files: readonly ListedFile[]; readonly offline: boolean }> {
  const { settings, revision } = subject;
  const known = await cachedFiles(cache, subject, selection);
  const complete = known?.complete === true;
  if (settings.offline || (isCommitId(revision) && complete)) {
    if (known === undefined) throw offlineError(subject, [], settings.offline);
    const missing = await missingWeights(path.join(cache.snapshot(known.commit), selection.subfolder));
    if (missing.length > 0) throw offlineError(subject, missing, settings.offline);
    return { ...known, offline: true };
  }
  // Who has everything need not wait long for a Hub that does not answer.
  const hubFetch = createHubFetch(subject, complete ? { ...policy, attempts: Math.min(2, policy.attempts) } : policy, signal);
  try {
    const commit = await resolveCommit(subject, hubFetch);
    const listing = await readListing(cache, commit);
    const files = listing ?? (await listCommit(subject, commit, hubFetch));
    const selected = selectFiles(files, selection);
    if (listing === undefined) await writeListing(cache, commit, files);
    return { commit, files: selected, offline: false };
  } catch (error) {
    if (!isNlaError(error) || error.code !== 'E_HUB_UNREACHABLE' || known === undefined || !complete) throw error;
    onWarning?.(
      `W_HUB_UNREACHABLE: ${settings.endpoint} does not answer; the cached ${revision} is used (commit ${known.commit.slice(0, 12)}).`,
    );
    return { commit: known.commit, files: known.files, offline: true };
  }
}

/**
 * What the cache alone knows of a revision; nothing if nothing fits. Without a listing (a cache of older Python tools) it is what the
 * snapshot has, and nobody can say that this is all.
 */
async function cachedFiles(
  cache: RepositoryCache,
  { revision }: Subject,
  selection: Selection,
): Promise<{ readonly commit: string; readonly files: readonly ListedFile[]; readonly complete: boolean } | undefined> {
  const commit = await cachedCommit(cache, revision);
  if (commit === undefined) return undefined;
  const listing = await readListing(cache, commit);
  try {
    const files = selectFiles(listing ?? (await listSnapshot(cache, commit)), selection);
    const found = await Promise.all(files.map((file) => findCachedFile(cache, commit, file)));
    return { commit, files, complete: listing !== undefined && found.every(({ state }) => state !== 'missing') };
  } catch (error) {
    if (isNlaError(error) && error.code === 'E_HUB_NOTHING') return undefined;
    throw error;
  }
}

function pulledFile({ path: name, content }: ListedFile, { place, state }: CachedFile): PulledFile {
  return {
    path: name,
    file: place,
    bytes: content.bytes,
    ...(content.etag === '' ? {} : content.algorithm === 'sha256' ? { sha256: content.etag } : { gitOid: content.etag }),
    from: state === 'missing' ? 'network' : 'cache',
  };
}

async function remainingBytes(cache: RepositoryCache, { content }: ListedFile): Promise<number> {
  const left = (await fileBytes(partialFile(cache, content.etag))) ?? 0;
  return left <= content.bytes ? content.bytes - left : content.bytes;
}

function offlineError({ id, revision, settings }: Subject, missing: readonly string[], asked: boolean): NlaError {
  return new NlaError('E_HUB_OFFLINE', {
    message: `${id} at ${revision} is not in the cache${missing.length === 0 ? '' : ' as a whole'}, and ${asked ? 'the network is not to be used' : 'the Hub does not answer'}.`,
    file: settings.cacheFolder,
    found: missing.length === 0 ? 'no snapshot of it' : `missing: ${missing.slice(0, 6).join(', ')}${missing.length > 6 ? ', …' : ''}`,
    expected: 'all files, from an earlier pull or from the Python tools',
    fix: 'Unset HF_HUB_OFFLINE and run it again where there is a network, or copy the cache from there.',
    kind: 'input',
  });
}

/** Does `work` for all items, some at a time; the first failure stops the others and is thrown when they have ended. */
async function inParallel<Item>(
  width: number,
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let failure: { readonly error: unknown } | undefined;
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.max(1, Math.min(width, items.length)) }, async () => {
      while (failure === undefined && next < items.length) {
        const item = items[next++] as Item;
        try {
          await work(item, either);
        } catch (error) {
          failure ??= { error };
          stop.abort(error);
        }
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
