import { createHash } from 'node:crypto';
import type { FakeRepository } from '../fake-repository.js';
import { json, jsonBody, refused, repositoryKey, type Answer, type Exchange, type Route } from '../route.js';
import { findWritable } from './find-writable.js';

/**
 * `POST /{id}.git/info/lfs/objects/batch`: where each large object is to be sent. One that the repository has needs no action; one that
 * reaches `partBytes` comes in numbered parts.
 */
export const lfsBatch: Route = {
  kind: 'lfs-batch',
  methods: ['POST'],
  pattern: /^\/(?:(?<type>datasets)\/)?(?<id>[^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/,
  async handle(exchange) {
    const found = findWritable(exchange);
    if ('answer' in found) return found.answer;
    const { repository } = found;
    const { operation, objects } = await jsonBody(exchange);
    if (operation !== 'upload' || !Array.isArray(objects)) return refused({ status: 400, message: 'The fake hub takes uploads' });
    const answers = (objects as readonly { readonly oid: string; readonly size: number }[]).map(({ oid, size }) => ({
      oid,
      size,
      ...(hasObject(repository, oid) ? {} : { actions: { upload: uploadAction(exchange, repository, oid, size) } }),
    }));
    return json({ transfer: 'basic', objects: answers }, { 'content-type': 'application/vnd.git-lfs+json' });
  },
};

function uploadAction({ state }: Exchange, repository: FakeRepository, oid: string, size: number): object {
  const target = `${repository.type}s/${repository.id}/${oid}`;
  if (size < state.partBytes) return { href: `${state.storageUrl}/uploads/${target}?size=${size}&signature=fake` };
  const id = `${createHash('sha1').update(`${target} ${state.parts.size}`).digest('hex')}`;
  state.parts.set(id, new Map());
  const header: Record<string, string> = { chunk_size: String(state.partBytes) };
  for (let part = 1; (part - 1) * state.partBytes < size; part += 1) {
    header[String(part).padStart(5, '0')] = `${state.storageUrl}/parts/${id}/${part}?signature=fake`;
  }
  return { href: `${state.hubUrl}/api/complete_multipart/${target}?uploadId=${id}&signature=fake`, header };
}

/** `PUT /uploads/{repository}/{sha256}` on the storage host: a whole object, for whoever has the signed address. */
export const uploadObject: Route = {
  kind: 'upload',
  methods: ['PUT'],
  pattern: /^\/uploads\/(?<repository>.+)\/(?<sha256>[0-9a-f]{64})$/,
  async handle(exchange) {
    const body = await sizedBody(exchange);
    if ('status' in body) return body;
    if (body.length !== Number(exchange.url.searchParams.get('size'))) return { status: 400 };
    return keep(exchange, body);
  },
};

/** `PUT /parts/{upload}/{number}` on the storage host: one part of an object. */
export const uploadPart: Route = {
  kind: 'upload',
  methods: ['PUT'],
  pattern: /^\/parts\/(?<upload>[0-9a-f]{40})\/(?<number>\d+)$/,
  async handle(exchange) {
    const parts = exchange.state.parts.get(exchange.part('upload'));
    if (parts === undefined) return { status: 404 };
    const body = await sizedBody(exchange);
    if ('status' in body) return body;
    parts.set(Number(exchange.part('number')), body);
    return { status: 200, headers: { etag: `"${createHash('md5').update(body).digest('hex')}"` } };
  },
};

/** `POST /api/complete_multipart/…`: joins the parts of an object. The address is signed; nobody asks for a token. */
export const completeUpload: Route = {
  kind: 'complete',
  methods: ['POST'],
  pattern: /^\/api\/complete_multipart\/(?<repository>.+)\/(?<sha256>[0-9a-f]{64})$/,
  async handle(exchange) {
    const { state, url, part } = exchange;
    const upload = url.searchParams.get('uploadId') ?? '';
    const parts = state.parts.get(upload);
    const { oid, parts: named } = await jsonBody(exchange);
    if (parts === undefined) return refused({ status: 404, message: 'NoSuchUpload' });
    const wanted = Array.isArray(named) ? (named as readonly { readonly partNumber: number; readonly etag: string }[]) : [];
    const contents = wanted.map(({ partNumber, etag }) => {
      const content = parts.get(partNumber) ?? new Uint8Array();
      return etag === `"${createHash('md5').update(content).digest('hex')}"` ? content : undefined;
    });
    if (oid !== part('sha256') || contents.includes(undefined) || contents.length !== parts.size) {
      return refused({ status: 400, message: 'InvalidPart' });
    }
    // Its content is known under its hash from now on; the address of the upload has served.
    const answer = keep(exchange, new Uint8Array(Buffer.concat(contents.map((content) => content ?? new Uint8Array()))));
    if (answer.status === 200) state.parts.delete(upload);
    return answer.status === 200 ? json({ success: true }) : answer;
  },
};

/** The body of a request that says how long it is, as object stores want it. */
async function sizedBody({ headers, body }: Exchange): Promise<Uint8Array | Answer> {
  if (headers['content-length'] === undefined) return { status: 411 };
  if (headers.authorization !== undefined) return { status: 400 };
  const content = await body();
  return content.length === Number(headers['content-length']) ? content : { status: 400 };
}

function keep({ state, part }: Exchange, content: Uint8Array): Answer {
  const sha256 = part('sha256');
  if (createHash('sha256').update(content).digest('hex') !== sha256) return { status: 400 };
  const [type, ...id] = part('repository').split('/');
  const repository = state.repositories.get(repositoryKey(type === 'datasets' ? 'dataset' : 'model', id.join('/')));
  if (repository === undefined) return { status: 404 };
  state.keepObject(repository, sha256, content);
  return { status: 200, headers: { etag: `"${sha256.slice(0, 32)}"` } };
}

function hasObject({ objects, commits }: FakeRepository, sha256: string): boolean {
  if (objects.has(sha256)) return true;
  return [...commits.values()].some(({ files }) => [...files.values()].some((file) => file.sha256 === sha256));
}
