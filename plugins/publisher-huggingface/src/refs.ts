import { isNlaError, NlaError } from '@nlakit/core';
import type { HubSession } from './hub-session.js';

/** Names of a repository with the commits they are at. */
export interface Refs {
  readonly tags: ReadonlyMap<string, string>;
  /** `refs/pr/N`. */
  readonly pullRequests: ReadonlyMap<string, string>;
}

interface NamedRef {
  readonly name: string;
  readonly ref: string;
  readonly targetCommit: string;
}

/** Tags and pull requests. */
export async function listRefs({ apiUrl, hubFetch }: HubSession): Promise<Refs> {
  const response = await hubFetch(`${apiUrl}/refs?include_prs=1`);
  const { tags = [], pullRequests = [] } = (await response.json()) as {
    readonly tags?: readonly NamedRef[];
    readonly pullRequests?: readonly NamedRef[];
  };
  return {
    tags: new Map(tags.map(({ name, targetCommit }) => [name, targetCommit])),
    pullRequests: new Map(pullRequests.map(({ ref, targetCommit }) => [ref, targetCommit])),
  };
}

/**
 * Lets a tag name a commit; one that names another commit is moved. The Hub cannot move a tag: it is removed and made, and looked at again
 * where an answer was lost. Throws `E_PUBLISH_TAG` where somebody else moves it at the same time.
 */
export async function setTag(session: HubSession, tag: string, commit: string, present: string | undefined): Promise<void> {
  const { apiUrl, hubFetch } = session;
  let at = present;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (at === commit) return;
    if (at !== undefined) {
      await hubFetch(`${apiUrl}/tag/${encodeURIComponent(tag)}`, { method: 'DELETE' }).catch(unless('E_HUB_REVISION_NOT_FOUND'));
    }
    const made = await hubFetch(`${apiUrl}/tag/${commit}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tag }),
    }).catch(unless('E_HUB_EXISTS'));
    if (made !== undefined) return;
    at = (await listRefs(session)).tags.get(tag);
  }
  throw new NlaError('E_PUBLISH_TAG', {
    message: `The tag ${tag} could not be set.`,
    found: at ?? 'none',
    expected: commit,
    fix: 'Publish again; what is there is kept.',
  });
}

/** Lets one error pass, as nothing. */
function unless(code: string): (error: unknown) => undefined {
  return (error) => {
    if (!isNlaError(error) || error.code !== code) throw error;
    return undefined;
  };
}
