import { json, type Route } from '../route.js';
import { findCommit } from './find-commit.js';

/** `GET /api/models/{id}/revision/{revision}`: what a revision is. Public for gated repositories too. */
export const info: Route = {
  kind: 'info',
  methods: ['GET'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)(?:\/revision\/(?<revision>[^/]+))?$/,
  handle(exchange) {
    const found = findCommit(exchange);
    if ('answer' in found) return found.answer;
    const { repository, commit } = found;
    return json({
      _id: commit.oid.slice(0, 24),
      id: repository.id,
      sha: commit.oid,
      private: repository.private,
      gated: repository.gated,
      downloads: 0,
      likes: 0,
      tags: [],
      lastModified: '2026-01-01T00:00:00.000Z',
      createdAt: '2026-01-01T00:00:00.000Z',
      siblings: [...commit.files.keys()].map((path) => ({ rfilename: path })),
    });
  },
};
