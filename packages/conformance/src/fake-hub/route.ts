import type { IncomingHttpHeaders } from 'node:http';
import type { FakeToken, Refusal } from './access.js';
import type { FakeRepository, FakeRepositoryOptions, RepositoryType } from './fake-repository.js';

/**
 * What a request is about. Reading: `content` sends the bytes of a file, `resolve` only says where they are. Writing: `upload` takes the
 * bytes of a large object or of a part of one, `complete` joins the parts.
 */
export type RequestKind =
  | 'info'
  | 'tree'
  | 'refs'
  | 'resolve'
  | 'content'
  | 'account'
  | 'create'
  | 'preupload'
  | 'lfs-batch'
  | 'upload'
  | 'complete'
  | 'commit'
  | 'branch'
  | 'tag'
  | 'validate';

/** What the routes see of the hub. */
export interface HubState {
  readonly repositories: ReadonlyMap<string, FakeRepository>;
  readonly tokens: ReadonlyMap<string, FakeToken>;
  /** Large objects by sha256, whatever repository they are in. */
  largeObject(sha256: string): Uint8Array | undefined;
  /** Entries of a page of a listing. */
  readonly pageSize: number;
  readonly hubUrl: string;
  readonly storageUrl: string;
  /** Large objects of that many bytes and more are uploaded in parts of that size. */
  readonly partBytes: number;
  /** Makes a repository. */
  create(options: FakeRepositoryOptions): FakeRepository;
  /** Keeps an uploaded object, and counts that it came. */
  keepObject(repository: FakeRepository, sha256: string, content: Uint8Array): void;
  /** Parts of uploads under way: upload id to part number to content. */
  readonly parts: Map<string, Map<number, Uint8Array>>;
}

/** One request as a route sees it. */
export interface Exchange {
  readonly state: HubState;
  readonly url: URL;
  readonly method: string;
  /** Parts of the address that the route's pattern names, decoded. */
  readonly part: (name: string) => string;
  readonly token: FakeToken | undefined;
  /** Body of the request, read when it is first asked for. */
  readonly body: () => Promise<Uint8Array>;
  readonly headers: IncomingHttpHeaders;
  /** Somebody else is to do the same a moment earlier. */
  readonly raced: boolean;
}

/** What a route answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Whether `body` may be asked for in parts. */
  readonly ranges?: boolean;
}

/** An address of the hub and what it does. */
export interface Route {
  readonly kind: RequestKind;
  readonly methods: readonly string[];
  /** Matches the path of the address; named groups become parts. */
  readonly pattern: RegExp;
  readonly handle: (exchange: Exchange) => Answer | Promise<Answer>;
}

/** A JSON answer. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: new TextEncoder().encode(JSON.stringify(value)),
  };
}

/** The body of a request as JSON; an empty object for what is none. */
export async function jsonBody(exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(await exchange.body()));
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** A refusal as the Hub words it: headers for programs, the same text as JSON. */
export function refused({ status, errorCode, message }: Refusal): Answer {
  return json(
    { error: message },
    { 'x-error-message': message, ...(errorCode === undefined ? {} : { 'x-error-code': errorCode }) },
    status,
  );
}

/** Address of a repository below the hub's root: datasets have a prefix, models none. */
export function repositoryKey(type: RepositoryType, id: string): string {
  return `${type}s/${id}`;
}
