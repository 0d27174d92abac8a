import { setTimeout as delay } from 'node:timers/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuseToken, type FakeToken } from './access.js';
import { createFakeRepository, type FakeRepository, type FakeRepositoryOptions } from './fake-repository.js';
import type { Fault, FaultChooser } from './faults.js';
import { json, refused, repositoryKey, type Answer, type HubState, type RequestKind, type Route } from './route.js';
import { account } from './routes/account.js';
import { commit } from './routes/commit.js';
import { createRepository } from './routes/create-repository.js';
import { info } from './routes/info.js';
import { completeUpload, lfsBatch, uploadObject, uploadPart } from './routes/large-uploads.js';
import { preupload } from './routes/preupload.js';
import { branch, refs, tag } from './routes/refs.js';
import { largeObject, resolve, resolveCache } from './routes/resolve.js';
import { tree } from './routes/tree.js';
import { validateYaml } from './routes/validate-yaml.js';
import { sendAnswer } from './send-answer.js';

/** A request the hub got, in the order of arrival. */
export interface FakeRequest {
  readonly host: 'hub' | 'storage';
  /** Nothing for an address the hub does not know. */
  readonly kind: RequestKind | undefined;
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Whether a token came with it. */
  readonly authorized: boolean;
  readonly fault: Fault | undefined;
  /** 0 while it is being answered, and where no answer was given. */
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** Bytes of the request's own body that were read. */
  readonly receivedBytes: number;
}

/** Options of {@link startFakeHub}. */
export interface FakeHubOptions {
  readonly repositories?: readonly FakeRepositoryOptions[];
  /** Token (begins with `hf_` on the Hub) to what it may do. */
  readonly tokens?: Readonly<Record<string, FakeToken>>;
  readonly fault?: FaultChooser;
  /** Entries of a page of a listing. Default 1000. */
  readonly pageSize?: number;
  /** Large objects of that many bytes and more are uploaded in parts of that size. Default 5 MiB. */
  readonly partBytes?: number;
}

/** A hub that runs. */
export interface FakeHub {
  /** Address for `HF_ENDPOINT`; loopback. */
  readonly url: string;
  /** Address of the second host, which large objects come from. */
  readonly storageUrl: string;
  /** Decides on faults; may be set at any time. */
  fault: FaultChooser | undefined;
  readonly tokens: Map<string, FakeToken>;
  readonly requests: readonly FakeRequest[];
  /** How often each large object came in whole, by sha256. */
  readonly uploads: ReadonlyMap<string, number>;
  /** Adds a repository. */
  add(options: FakeRepositoryOptions): FakeRepository;
  /** The repository of an id. Throws if there is none. */
  repository(id: string, type?: 'model' | 'dataset'): FakeRepository;
  /** Whether there is a repository of that id. */
  has(id: string, type?: 'model' | 'dataset'): boolean;
  /** Bytes of file content that were sent so far. */
  contentBytes(): number;
  /** Bytes of large objects that came so far, whole or not. */
  uploadedBytes(): number;
  clearRequests(): void;
  /** Closes both hosts with all connections. */
  stop(): Promise<void>;
}

const hubRoutes: readonly Route[] = [
  account,
  createRepository,
  validateYaml,
  refs,
  branch,
  tag,
  preupload,
  commit,
  lfsBatch,
  completeUpload,
  info,
  tree,
  resolve,
  resolveCache,
];
const storageRoutes: readonly Route[] = [largeObject, uploadObject, uploadPart];

/**
 * Starts a Hugging Face Hub of its own on loopback: repositories in memory, the addresses that clients use to download and to publish, and
 * faults on request. Uploads go the way of Git LFS, whole or in parts; Xet is not offered. Two hosts, as in the real one: the hub, and a storage host for large objects, which must never see a token.
 */
export async function startFakeHub(options: FakeHubOptions = {}): Promise<FakeHub> {
  const repositories = new Map<string, FakeRepository>();
  const tokens = new Map(Object.entries(options.tokens ?? {}));
  const requests: FakeRequest[] = [];
  const earlier = new Map<string, number>();
  const urls = { hub: '', storage: '' };
  const uploads = new Map<string, number>();
  const state: HubState = {
    repositories,
    tokens,
    pageSize: options.pageSize ?? 1000,
    get hubUrl() {
      return urls.hub;
    },
    get storageUrl() {
      return urls.storage;
    },
    partBytes: options.partBytes ?? 5 * 2 ** 20,
    parts: new Map(),
    create(repositoryOptions) {
      const repository = createFakeRepository(repositoryOptions);
      repositories.set(repositoryKey(repository.type, repository.id), repository);
      return repository;
    },
    keepObject(repository, sha256, content) {
      repository.objects.set(sha256, content);
      uploads.set(sha256, (uploads.get(sha256) ?? 0) + 1);
    },
    largeObject(sha256) {
      for (const { commits } of repositories.values()) {
        for (const { files } of commits.values()) {
          for (const file of files.values()) if (file.sha256 === sha256) return file.content;
        }
      }
      return undefined;
    },
  };

  const serve = async (host: 'hub' | 'storage', message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(message.url ?? '/', urls[host]);
    const method = message.method ?? 'GET';
    const routes = host === 'hub' ? hubRoutes : storageRoutes;
    const route = routes.find((candidate) => candidate.methods.includes(method) && candidate.pattern.test(url.pathname));
    const place = `${host} ${method} ${url.pathname}`;
    const count = earlier.get(place) ?? 0;
    earlier.set(place, count + 1);
    const fault = route === undefined ? undefined : hub.fault?.({ kind: route.kind, method, path: url.pathname, earlier: count });
    const range = message.headers.range;
    const record: FakeRequest = {
      host,
      kind: route?.kind,
      method,
      path: url.pathname,
      range,
      headers: message.headers,
      authorized: message.headers.authorization !== undefined,
      fault,
      status: 0,
      bytes: 0,
      receivedBytes: 0,
    };
    requests.push(record);
    const received = (bytes: number): void => void Object.assign(record, { receivedBytes: record.receivedBytes + bytes });
    if (fault?.type === 'drop-request') {
      await readBody(message, received, { atMost: fault.afterBytes });
      response.destroy();
      return;
    }
    const answer = await answerTo(host, message, url, method, route, fault, received);
    // The record is filled in while others may have come, or the list been cleared.
    Object.assign(record, await sendAnswer(response, answer, { head: method === 'HEAD', range }, fault));
  };

  const answerTo = async (
    host: 'hub' | 'storage',
    message: IncomingMessage,
    url: URL,
    method: string,
    route: Route | undefined,
    fault: Fault | undefined,
    received: (bytes: number) => void,
  ): Promise<Answer> => {
    if (route === undefined) return json({ error: `The fake hub has no ${method} ${url.pathname}` }, {}, 404);
    if (fault?.type === 'status') return faultyStatus(fault);
    if (fault?.type === 'expired-token') return refused({ status: 401, message: 'User Access Token "fault" is expired' });
    const given = /^Bearer (.*)$/.exec(message.headers.authorization ?? '')?.[1];
    const refusal = host === 'storage' ? undefined : refuseToken(given, tokens);
    if (refusal !== undefined) return refused(refusal);
    const groups = route.pattern.exec(url.pathname)?.groups ?? {};
    let body: Promise<Uint8Array> | undefined;
    return route.handle({
      state,
      url,
      method,
      token: given === undefined ? undefined : tokens.get(given),
      part: (name) => (name === 'revision' ? decodeURIComponent(groups[name] ?? 'HEAD') : decodeURIComponent(groups[name] ?? '')),
      body: () => (body ??= readBody(message, received, fault?.type === 'slow-request' ? fault : {})),
      headers: message.headers,
      raced: fault?.type === 'raced',
    });
  };

  const servers = {
    hub: await listen((message, response) => void serve('hub', message, response).catch(() => response.destroy())),
    storage: await listen((message, response) => void serve('storage', message, response).catch(() => response.destroy())),
  };
  urls.hub = addressOf(servers.hub);
  urls.storage = addressOf(servers.storage);

  const hub: FakeHub = {
    url: urls.hub,
    storageUrl: urls.storage,
    fault: options.fault,
    tokens,
    requests,
    uploads,
    add: (repositoryOptions) => state.create(repositoryOptions),
    has: (id, type = 'model') => repositories.has(repositoryKey(type, id)),
    repository(id, type = 'model') {
      const repository = repositories.get(repositoryKey(type, id));
      if (repository === undefined) throw new Error(`The fake hub has no ${type} ${id}.`);
      return repository;
    },
    contentBytes: () => requests.reduce((sum, { kind, bytes }) => sum + (kind === 'content' ? bytes : 0), 0),
    uploadedBytes: () => requests.reduce((sum, { kind, receivedBytes }) => sum + (kind === 'upload' ? receivedBytes : 0), 0),
    clearRequests() {
      requests.length = 0;
      earlier.clear();
    },
    async stop() {
      await Promise.all(Object.values(servers).map(close));
    },
  };
  for (const repository of options.repositories ?? []) hub.add(repository);
  return hub;
}

function faultyStatus({ status, retryAfter, errorCode }: Extract<Fault, { type: 'status' }>): Answer {
  const answer = refused({ status, message: `Fault ${status}`, ...(errorCode === undefined ? {} : { errorCode }) });
  return retryAfter === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
}

async function readBody(
  message: IncomingMessage,
  received: (bytes: number) => void,
  { atMost = Infinity, pauseMilliseconds = 0 }: { readonly atMost?: number; readonly pauseMilliseconds?: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = atMost;
  for await (const part of message) {
    const taken = (part as Uint8Array).subarray(0, left);
    parts.push(taken);
    left -= taken.length;
    received(taken.length);
    if (left <= 0) break;
    if (pauseMilliseconds > 0) await delay(pauseMilliseconds);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function listen(handle: (message: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  return new Promise((started, failed) => {
    const server = createServer(handle);
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      started(server);
    });
  });
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function close(server: Server): Promise<void> {
  return new Promise((closed) => {
    server.close(() => {
      closed();
    });
    server.closeAllConnections();
  });
}
