import { isNlaError, NlaError } from '@nlakit/core';
import { pageOf } from '@nlakit/hub';
import type { RevisionState } from './commit-batch.js';
import { requireToken, type HubSession } from './hub-session.js';

/**
 * Makes the repository if there is none. Throws `E_PUBLISH_VISIBILITY` if it is to be private and others can read it: also where somebody
 * else was faster to make it.
 */
export async function openRepository(session: HubSession, isPrivate: boolean): Promise<void> {
  const { subject, hubFetch } = session;
  if ((await session.head('main')) === undefined) {
    const { createRepo } = await import('@huggingface/hub');
    try {
      await createRepo({
        repo: { type: subject.type, name: subject.id },
        accessToken: requireToken(session),
        visibility: isPrivate ? 'private' : 'public',
        hubUrl: subject.settings.endpoint,
        fetch: hubFetch,
      });
    } catch (error) {
      // Made by somebody else, or by an attempt whose answer was lost.
      if (!isNlaError(error) || error.code !== 'E_HUB_EXISTS') throw error;
    }
  }
  if (isPrivate) await requirePrivate(session);
}

/** Throws `E_PUBLISH_VISIBILITY` for a repository that others can read. */
export async function requirePrivate({ apiUrl, hubFetch, subject }: HubSession): Promise<void> {
  const { private: hidden } = (await (await hubFetch(apiUrl)).json()) as { readonly private?: unknown };
  if (hidden === true) return;
  throw new NlaError('E_PUBLISH_VISIBILITY', {
    message: `${subject.id} is to be private, and is there already for everybody to read.`,
    found: 'a public repository',
    expected: 'a private one, or none',
    fix: `Make it private at ${pageOf(subject)}/settings, or publish under another name.`,
    kind: 'input',
  });
}

/** The revision that is committed to, with its files; a branch that is missing is made from `main`. */
export async function openRevision(session: HubSession): Promise<RevisionState> {
  const { subject, hubFetch } = session;
  const { revision } = subject;
  let commit = await session.head(revision);
  if (commit === undefined && !revision.startsWith('refs/')) {
    const { createBranch } = await import('@huggingface/hub');
    try {
      await createBranch({
        repo: { type: subject.type, name: subject.id },
        branch: revision,
        revision: 'main',
        accessToken: requireToken(session),
        hubUrl: subject.settings.endpoint,
        fetch: hubFetch,
      });
    } catch (error) {
      if (!isNlaError(error) || error.code !== 'E_HUB_EXISTS') throw error;
    }
    commit = await session.head(revision);
  }
  if (commit !== undefined) return { revision, commit, files: await session.list(commit) };
  throw new NlaError('E_HUB_REVISION_NOT_FOUND', {
    message: `${subject.id} has no revision ${revision}, and none could be made.`,
    fix: `See ${pageOf(subject)}/tree/main for its branches.`,
    kind: 'input',
  });
}
