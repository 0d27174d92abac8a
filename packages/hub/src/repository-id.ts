import { NlaError } from '@nlakit/core';

/** Kinds of repository that can be fetched. */
export type RepositoryType = 'model' | 'dataset';

/** A repository, at a revision if one is named. */
export interface RepositoryReference {
  /** `owner/name`. */
  readonly id: string;
  /** Branch, tag, `refs/pr/N` or commit. */
  readonly revision?: string;
}

/** Letters, digits, `-`, `_` and `.`; `--` and `..` are refused, as the Hub does, because `--` stands for `/` in the cache. */
const part = String.raw`(?![-.])(?!.*(?:--|\.\.))[\w.-]{1,96}(?<![-.])`;
const idPattern = new RegExp(`^${part}$`);

/** Whether `text` has the form of a repository id: `owner/name`. */
export function isRepositoryId(text: string): boolean {
  const parts = text.split('/');
  return parts.length === 2 && parts.every((name) => idPattern.test(name));
}

/** Reads `owner/name` or `owner/name@revision`. Throws `E_HUB_ID`, `E_HUB_REVISION`. */
export function parseRepositoryReference(text: string): RepositoryReference {
  const at = text.indexOf('@');
  const id = at < 0 ? text : text.slice(0, at);
  if (!isRepositoryId(id)) {
    throw new NlaError('E_HUB_ID', {
      message: 'This is no id of a repository on the Hub.',
      found: text,
      expected: 'owner/name, for example google/gemma-4-E2B, or owner/name@revision',
      kind: 'input',
    });
  }
  return at < 0 ? { id } : { id, revision: checkRevision(text.slice(at + 1)) };
}

/** The revision as it is, if it can be the name of a branch, tag or commit and of a file below `refs`. Throws `E_HUB_REVISION`. */
export function checkRevision(revision: string): string {
  const wrong = /[\p{Cc} ~^:?*[\\]|\.\.|\/\/|@\{|^[/.-]|[/.]$|\.lock$/u;
  if (revision !== '' && revision.length <= 255 && !wrong.test(revision)) return revision;
  throw new NlaError('E_HUB_REVISION', {
    message: 'This cannot be the name of a revision.',
    found: JSON.stringify(revision),
    expected: 'a branch, a tag, refs/pr/N or a commit id',
    kind: 'input',
  });
}

/** Whether `revision` is a full commit id: what it names never changes. */
export function isCommitId(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
