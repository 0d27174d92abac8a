import { isLarge } from '../fake-repository.js';
import { json, jsonBody, refused, type Route } from '../route.js';
import { findWritable } from './find-writable.js';

/** `POST /api/models/{id}/preupload/{revision}`: which files are to be uploaded as large objects. */
export const preupload: Route = {
  kind: 'preupload',
  methods: ['POST'],
  pattern: /^\/api\/(?<type>models|datasets)\/(?<id>[^/]+\/[^/]+)\/preupload\/(?<revision>[^/]+)$/,
  async handle(exchange) {
    const found = findWritable(exchange);
    if ('answer' in found) return found.answer;
    const commit = found.repository.resolve(exchange.part('revision'));
    if (commit === undefined) return refused({ status: 404, errorCode: 'RevisionNotFound', message: 'Invalid rev id' });
    const { files } = await jsonBody(exchange);
    if (!Array.isArray(files) || files.length > 256) return refused({ status: 400, message: 'files: expected 256 at most' });
    return json({
      files: (files as readonly { readonly path: string; readonly size: number }[]).map(({ path, size }) => {
        const oid = commit.files.get(path)?.oid;
        return { path, uploadMode: isLarge(path, size) ? 'lfs' : 'regular', shouldIgnore: false, ...(oid === undefined ? {} : { oid }) };
      }),
    });
  },
};
