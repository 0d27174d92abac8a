import type { FakeFile } from '../fake-repository.js';
import { json, refused, type Exchange, type Route } from '../route.js';
import { findCommit } from './find-commit.js';

/** `GET /api/models/{id}/tree/{revision}[/{folder}]?recursive=…`: a listing in pages; `Link` names the next one. */
export const tree: Route = {
  kind: 'tree',
  methods: ['GET'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/tree\/(?<revision>[^/]+)(?:\/(?<folder>.*))?$/,
  handle(exchange) {
    const found = findCommit(exchange);
    if ('answer' in found) return found.answer;
    const { state, url, part } = exchange;
    const folder = part('folder');
    const entries = entriesBelow([...found.commit.files.values()], folder, url.searchParams.get('recursive') === 'true');
    if (folder !== '' && entries.length === 0) {
      return refused({ status: 404, errorCode: 'EntryNotFound', message: `${folder} does not exist on "${part('revision')}"` });
    }
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const page = entries.slice(from, from + state.pageSize);
    const next = from + page.length;
    return json(page, next < entries.length ? { link: `<${nextPage(exchange, next)}>; rel="next"` } : {});
  },
};

function entriesBelow(files: readonly FakeFile[], folder: string, recursive: boolean): object[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  const folders = new Set<string>();
  const listed: object[] = [];
  for (const file of files) {
    if (!file.path.startsWith(prefix)) continue;
    const parts = file.path.slice(prefix.length).split('/');
    const depths = recursive ? parts.length - 1 : Math.min(1, parts.length - 1);
    for (let depth = 1; depth <= depths; depth += 1) folders.add(prefix + parts.slice(0, depth).join('/'));
    if (recursive || parts.length === 1) listed.push(fileEntry(file));
  }
  return [...[...folders].map((path) => ({ type: 'directory', oid: '0'.repeat(40), size: 0, path })), ...listed];
}

function fileEntry({ path, content, oid, sha256 }: FakeFile): object {
  const entry = { type: 'file', oid, size: content.length, path };
  return sha256 === undefined ? entry : { ...entry, lfs: { oid: sha256, size: content.length, pointerSize: 134 } };
}

function nextPage({ state, url }: Exchange, cursor: number): string {
  const next = new URL(url.pathname + url.search, state.hubUrl);
  next.searchParams.set('cursor', String(cursor));
  return next.href;
}
