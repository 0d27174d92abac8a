import { refuseContent } from '../access.js';
import type { FakeFile } from '../fake-repository.js';
import { refused, type Answer, type Exchange, type Route } from '../route.js';
import { findCommit } from './find-commit.js';

/** A file of the commit that an address names, or the refusal. Part `path`. */
function findFile(exchange: Exchange): { readonly file: FakeFile; readonly commit: string } | { readonly answer: Answer } {
  const found = findCommit(exchange);
  if ('answer' in found) return found;
  const refusal = refuseContent(found.repository, exchange.token);
  if (refusal !== undefined) return { answer: refused(refusal) };
  const path = exchange.part('path');
  const file = found.commit.files.get(path);
  if (file !== undefined) return { file, commit: found.commit.oid };
  const answer = refused({ status: 404, errorCode: 'EntryNotFound', message: 'Entry not found' });
  return { answer: { ...answer, headers: { ...answer.headers, 'x-repo-commit': found.commit.oid } } };
}

/**
 * `GET|HEAD /{id}/resolve/{revision}/{path}`: sends large objects to the storage host, other files to `/api/resolve-cache` of the same
 * host. The headers say what the content is, so that a client need not follow to know.
 */
export const resolve: Route = {
  kind: 'resolve',
  methods: ['GET', 'HEAD'],
  pattern: /^\/(?:(?<type>datasets)\/)?(?<id>[^/]+\/[^/]+)\/resolve\/(?<revision>[^/]+)\/(?<path>.+)$/,
  handle(exchange) {
    const found = findFile(exchange);
    if ('answer' in found) return found.answer;
    const { file, commit } = found;
    const linked = { 'x-repo-commit': commit, 'x-linked-size': String(file.content.length) };
    if (file.sha256 !== undefined) {
      const location = `${exchange.state.storageUrl}/objects/${file.sha256}?signature=${commit.slice(0, 8)}`;
      return { status: 302, headers: { ...linked, 'x-linked-etag': `"${file.sha256}"`, location } };
    }
    const type = exchange.part('type') === 'datasets' ? 'datasets' : 'models';
    const location = `/api/resolve-cache/${type}/${exchange.part('id')}/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
    return { status: 307, headers: { ...linked, 'x-linked-etag': `"${file.oid}"`, etag: `"${file.oid}"`, location } };
  },
};

/** `GET|HEAD /api/resolve-cache/{type}/{id}/{commit}/{path}`: the content of a file kept in git. */
export const resolveCache: Route = {
  kind: 'content',
  methods: ['GET', 'HEAD'],
  pattern: /^\/api\/resolve-cache\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/(?<revision>[^/]+)\/(?<path>.+)$/,
  handle(exchange) {
    const found = findFile(exchange);
    if ('answer' in found) return found.answer;
    return {
      status: 200,
      headers: { 'content-type': 'application/octet-stream', etag: `"${found.file.oid}"`, 'x-repo-commit': found.commit },
      body: found.file.content,
      ranges: true,
    };
  },
};

/** `GET|HEAD /objects/{sha256}` on the storage host: the content of a large object, for whoever has the signed address. */
export const largeObject: Route = {
  kind: 'content',
  methods: ['GET', 'HEAD'],
  pattern: /^\/objects\/(?<sha256>[0-9a-f]{64})$/,
  handle({ state, part }) {
    const body = state.largeObject(part('sha256'));
    if (body === undefined) return { status: 404 };
    return { status: 200, headers: { 'content-type': 'application/octet-stream', etag: `"${part('sha256')}"` }, body, ranges: true };
  },
};
