import { openAsBlob } from 'node:fs';
import { isNlaError, NlaError } from '@nlakit/core';
import { pageOf, type ListedFile } from '@nlakit/hub';
import { isListed, readSmall, type IdentifiedFile } from './content-ids.js';
import { requireToken, type HubSession } from './hub-session.js';
import { listRefs } from './refs.js';
import type { ReleaseBatch } from './release-batches.js';
import { createUploadFetch } from './upload-fetch.js';

/** A revision at a commit, with the files of that commit. */
export interface RevisionState {
  /** Branch, or `refs/pr/N`. */
  readonly revision: string;
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/** What a commit led to: the revision it is on, which is a new one where a pull request was opened. */
export interface CommittedState extends RevisionState {
  readonly pullRequestUrl?: string;
}

/**
 * Commits the files of a batch on top of `before`, and returns the state after it as the Hub lists it.
 *
 * The parent is stated, so nothing of others is written over unseen: where somebody else has committed in the meantime, the commit goes on
 * top of that if it left these files alone, and is refused if not. A commit whose answer was lost is looked for before it is repeated.
 *
 * Throws `E_PUBLISH_CONFLICT`, `E_PUBLISH_FILE`, `E_PUBLISH_VERIFY` and the `E_HUB_…` errors.
 */
export async function commitBatch(
  session: HubSession,
  batch: ReleaseBatch,
  before: RevisionState,
  options: { readonly openPullRequest: boolean; readonly sent: (file: IdentifiedFile, bytes: number) => void },
): Promise<CommittedState> {
  const { policy } = session;
  const files = batch.files.filter((file) => !isListed(file, before.files.get(file.path)));
  const isThere = (listed: ReadonlyMap<string, ListedFile>): boolean => files.every((file) => isListed(file, listed.get(file.path)));
  const bySha256 = new Map(files.map((file) => [file.sha256, file]));
  let state = before;
  for (let conflicts = 0; ; conflicts += 1) {
    const known = options.openPullRequest ? (await listRefs(session)).pullRequests : undefined;
    const uploadFetch = createUploadFetch(session, {
      planned: new Map(files.map(({ sha256, path }) => [sha256, path])),
      sent(sha256, bytes) {
        const file = bySha256.get(sha256);
        if (file !== undefined) options.sent(file, Math.min(bytes, file.bytes));
      },
      landed: () => (known === undefined ? landedOnBranch(session, state, isThere) : landedAsPullRequest(session, known, isThere)),
    });
    try {
      const { commit: made, pullRequestUrl } = await commitWith(session, uploadFetch, batch.title, files, state, options.openPullRequest);
      const revision = pullRequestUrl === undefined ? state.revision : `refs/pr/${pullRequestUrl.split('/').at(-1) ?? ''}`;
      const listed = await session.list(made);
      if (!isThere(listed)) throw notThere(files, listed);
      for (const file of files) options.sent(file, file.bytes);
      return { revision, commit: made, files: listed, ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }) };
    } catch (error) {
      if (!isNlaError(error) || error.code !== 'E_HUB_CONFLICT') throw error;
      const commit = (await session.head(state.revision)) ?? state.commit;
      const listed = await session.list(commit);
      if (isThere(listed)) return { revision: state.revision, commit, files: listed };
      const touched = files.filter(({ path }) => listed.get(path)?.content.etag !== state.files.get(path)?.content.etag);
      if (touched.length > 0 || conflicts + 1 >= policy.attempts) throw conflict(session, state.revision, touched, error);
      state = { ...state, commit, files: listed };
    }
  }
}

async function commitWith(
  session: HubSession,
  uploadFetch: typeof fetch,
  title: string,
  files: readonly IdentifiedFile[],
  { revision, commit: parentCommit }: RevisionState,
  isPullRequest: boolean,
): Promise<{ readonly commit: string; readonly pullRequestUrl?: string | undefined }> {
  const { subject, signal } = session;
  // An abort before the call would be ignored by the client.
  signal.throwIfAborted();
  const { commit } = await import('@huggingface/hub');
  const operations = await Promise.all(
    files.map(async (file) => ({ operation: 'addOrUpdate' as const, path: file.path, content: await blobOf(file) })),
  );
  signal.throwIfAborted();
  try {
    const output = await commit({
      repo: { type: subject.type, name: subject.id },
      title,
      operations,
      branch: revision,
      parentCommit,
      isPullRequest,
      hubUrl: subject.settings.endpoint,
      accessToken: requireToken(session),
      // Large objects go the way of Git LFS: it can be resumed object by object, and works with every server.
      useXet: false,
      fetch: uploadFetch,
      abortSignal: signal,
    });
    if (output === undefined) throw new TypeError('The client returned no commit.');
    return { commit: output.commit.oid, pullRequestUrl: output.pullRequestUrl };
  } catch (error) {
    signal.throwIfAborted();
    if (isNlaError(error)) throw error;
    throw new NlaError('E_HUB_RESPONSE', {
      message: 'The Hub answered an upload with something else than was expected.',
      found: error instanceof Error ? error.message : String(error),
      fix: 'Publish again: what has been uploaded is kept.',
      cause: error,
    });
  }
}

/** Content of a file as it was planned: small ones are read and checked here, large ones by their hash before they are sent. */
async function blobOf(file: IdentifiedFile): Promise<Blob> {
  if ('content' in file.source || !file.large) return new Blob([await readSmall(file)]);
  return openAsBlob(file.source.file);
}

async function landedOnBranch(
  session: HubSession,
  { revision, commit }: RevisionState,
  isThere: (listed: ReadonlyMap<string, ListedFile>) => boolean,
): Promise<{ readonly commitOid: string } | undefined> {
  const head = await session.head(revision);
  if (head === undefined || head === commit) return undefined;
  return isThere(await session.list(head)) ? { commitOid: head } : undefined;
}

async function landedAsPullRequest(
  session: HubSession,
  known: ReadonlyMap<string, string>,
  isThere: (listed: ReadonlyMap<string, ListedFile>) => boolean,
): Promise<{ readonly commitOid: string; readonly pullRequestUrl: string } | undefined> {
  for (const [ref, commitOid] of (await listRefs(session)).pullRequests) {
    if (known.has(ref) || !isThere(await session.list(commitOid))) continue;
    return { commitOid, pullRequestUrl: `${pageOf(session.subject)}/discussions/${ref.slice('refs/pr/'.length)}` };
  }
  return undefined;
}

function conflict({ subject }: HubSession, revision: string, touched: readonly IdentifiedFile[], cause: unknown): NlaError {
  return new NlaError('E_PUBLISH_CONFLICT', {
    message: `Somebody else is changing ${subject.id} at ${revision}.`,
    found:
      touched.length === 0 ? 'new commits, one after the other' : `a new commit that changes ${touched.map(({ path }) => path).join(', ')}`,
    fix: `Look at ${pageOf(subject)}/commits/${revision}, then publish again: the plan says what will be replaced.`,
    cause,
  });
}

function notThere(files: readonly IdentifiedFile[], listed: ReadonlyMap<string, ListedFile>): NlaError {
  return new NlaError('E_PUBLISH_VERIFY', {
    message: 'The Hub has taken the commit, and lists other files than were sent.',
    found: files
      .filter((file) => !isListed(file, listed.get(file.path)))
      .map(({ path }) => path)
      .join(', '),
    fix: 'Publish again; if it stays so, look at the rules of .gitattributes in the repository.',
  });
}
