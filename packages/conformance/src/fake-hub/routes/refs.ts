import { json, jsonBody, refused, type Route } from '../route.js';
import { findCommit } from './find-commit.js';
import { findWritable } from './find-writable.js';

/** `GET /api/models/{id}/refs[?include_prs=1]`: branches, tags and pull requests with their commits. */
export const refs: Route = {
  kind: 'refs',
  methods: ['GET'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/refs$/,
  handle(exchange) {
    const found = findCommit(exchange);
    if ('answer' in found) return found.answer;
    const { refs: all, tags } = found.repository;
    const branches: object[] = [];
    const tagged: object[] = [];
    const pullRequests: object[] = [];
    for (const [name, targetCommit] of all) {
      if (name.startsWith('refs/pr/')) pullRequests.push({ name: name.slice('refs/pr/'.length), ref: name, targetCommit });
      else if (tags.has(name)) tagged.push({ name, ref: `refs/tags/${name}`, targetCommit });
      else branches.push({ name, ref: `refs/heads/${name}`, targetCommit });
    }
    const withPullRequests = exchange.url.searchParams.get('include_prs') === '1';
    return json({ branches, tags: tagged, converts: [], ...(withPullRequests ? { pullRequests } : {}) });
  },
};

/** `POST /api/models/{id}/branch/{name}`: a branch; 409 if there is one of that name. */
export const branch: Route = {
  kind: 'branch',
  methods: ['POST'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/branch\/(?<name>[^/]+)$/,
  async handle(exchange) {
    const found = findWritable(exchange);
    if ('answer' in found) return found.answer;
    const { repository } = found;
    const { startingPoint, overwrite } = await jsonBody(exchange);
    const name = exchange.part('name');
    if (repository.refs.has(name) && overwrite !== true) return refused({ status: 409, message: `Reference already exists: ${name}` });
    const start = repository.resolve(typeof startingPoint === 'string' ? startingPoint : 'main');
    if (start === undefined) return refused({ status: 404, errorCode: 'RevisionNotFound', message: 'Invalid rev id' });
    repository.refs.set(name, start.oid);
    return json({ success: true });
  },
};

/** `POST /api/models/{id}/tag/{revision}` makes a tag (409 if there is one of that name), `DELETE …/tag/{tag}` removes it. */
export const tag: Route = {
  kind: 'tag',
  methods: ['POST', 'DELETE'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/tag\/(?<name>[^/]+)$/,
  async handle(exchange) {
    const found = findWritable(exchange);
    if ('answer' in found) return found.answer;
    const { repository } = found;
    const name = exchange.part('name');
    if (exchange.method === 'DELETE') {
      if (!repository.tags.delete(name)) return refused({ status: 404, errorCode: 'RevisionNotFound', message: `No tag ${name}` });
      repository.refs.delete(name);
      return json({ success: true });
    }
    const { tag: tagName } = await jsonBody(exchange);
    const commit = repository.resolve(name);
    if (typeof tagName !== 'string') return refused({ status: 400, message: 'tag: expected a name' });
    if (commit === undefined) return refused({ status: 404, errorCode: 'RevisionNotFound', message: `Invalid rev id: ${name}` });
    if (repository.refs.has(tagName)) return refused({ status: 409, message: `Tag reference exists already: ${tagName}` });
    repository.refs.set(tagName, commit.oid);
    repository.tags.add(tagName);
    return json({ success: true });
  },
};
