import { isLarge, type FakeContent, type FakeRepository } from '../fake-repository.js';
import { json, refused, type Exchange, type Route } from '../route.js';
import { checkCard } from './check-card.js';
import { findWritable } from './find-writable.js';

interface CommitLine {
  readonly key: string;
  readonly value: {
    readonly summary?: string;
    readonly parentCommit?: string;
    readonly path?: string;
    readonly content?: string;
    readonly oid?: string;
    readonly size?: number;
  };
}

/**
 * `POST /api/models/{id}/commit/{revision}[?create_pr=1]`: a commit from lines of JSON. 412 where the parent is no longer the head, 400
 * for a large object that was not uploaded and for a card with wrong metadata. What changes nothing makes no commit.
 */
export const commit: Route = {
  kind: 'commit',
  methods: ['POST'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/commit\/(?<revision>[^/]+)$/,
  async handle(exchange) {
    const found = findWritable(exchange);
    if ('answer' in found) return found.answer;
    const { repository } = found;
    const { part, raced, url } = exchange;
    const branch = part('revision');
    const lines = new TextDecoder()
      .decode(await exchange.body())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CommitLine);
    if (raced) repository.commit({ 'somebody-else.txt': `commit ${repository.commits.size}` }, { branch });
    const head = repository.resolve(branch);
    if (head === undefined) return refused({ status: 404, errorCode: 'RevisionNotFound', message: `Invalid rev id: ${branch}` });
    const header = lines.find(({ key }) => key === 'header')?.value;
    const asPullRequest = url.searchParams.get('create_pr') === '1';
    if (!asPullRequest && header?.parentCommit !== undefined && header.parentCommit !== head.oid) {
      return refused({ status: 412, message: 'A commit has happened since. Please refresh and try again.' });
    }
    const changes: Record<string, FakeContent | null> = {};
    for (const line of lines) {
      const change = changeOf(line, repository);
      if (change === undefined) continue;
      if (typeof change === 'string') return refused({ status: 400, message: change });
      Object.assign(changes, change);
    }
    const card = changes['README.md'];
    const wrong = card === undefined || card === null ? [] : checkCard(typeof card === 'string' ? card : new TextDecoder().decode(card));
    if (wrong.length > 0) return refused({ status: 400, message: wrong.join('; ') });
    let target = branch;
    if (asPullRequest) {
      target = `refs/pr/${1 + [...repository.refs.keys()].filter((name) => name.startsWith('refs/pr/')).length}`;
      repository.refs.set(target, header?.parentCommit ?? head.oid);
    }
    const before = repository.resolve(target);
    const same = Object.entries(changes).every(([path, content]) => sameContent(before?.files.get(path)?.content, content));
    const made = same && before !== undefined ? before : repository.commit(changes, { branch: target, message: header?.summary ?? '' });
    return json({
      success: true,
      commitOid: made.oid,
      commitUrl: `${pageOf(exchange, repository)}/commit/${made.oid}`,
      hookOutput: '',
      ...(asPullRequest ? { pullRequestUrl: `${pageOf(exchange, repository)}/discussions/${target.slice('refs/pr/'.length)}` } : {}),
    });
  },
};

/** What a line changes; nothing for the header; a sentence for what is refused. */
function changeOf({ key, value }: CommitLine, repository: FakeRepository): Record<string, FakeContent | null> | string | undefined {
  const path = value.path ?? '';
  if (key === 'header') return undefined;
  if (path === '' || path.startsWith('/') || path.split('/').includes('..')) return `Invalid path: ${path}`;
  if (key === 'deletedFile') return { [path]: null };
  if (key === 'file') {
    const content = new Uint8Array(Buffer.from(value.content ?? '', 'base64'));
    if (isLarge(path, content.length)) return `Your push was rejected: ${path} must be uploaded as a large object`;
    return { [path]: content };
  }
  if (key !== 'lfsFile') return `Unknown operation: ${key}`;
  const oid = value.oid ?? '';
  const content =
    repository.objects.get(oid) ??
    [...repository.commits.values()].flatMap(({ files }) => [...files.values()]).find(({ sha256 }) => sha256 === oid)?.content;
  return content?.length === value.size && content !== undefined
    ? { [path]: content }
    : `LFS pointer pointed to a file that does not exist: ${path}`;
}

function sameContent(before: Uint8Array | undefined, after: FakeContent | null): boolean {
  if (after === null || before === undefined) return after === null && before === undefined;
  return Buffer.compare(before, typeof after === 'string' ? Buffer.from(after) : after) === 0;
}

function pageOf({ state }: Exchange, { type, id }: FakeRepository): string {
  return `${state.hubUrl}/${type === 'dataset' ? 'datasets/' : ''}${id}`;
}
