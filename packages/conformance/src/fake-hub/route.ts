import type { FakeToken, Refusal } from './access.js';
import type { FakeRepository, RepositoryType } from './fake-repository.js';

/** What a request is about: `content` sends the bytes of a file, `resolve` only says where they are. */
export type RequestKind = 'info' | 'tree' | 'resolve' | 'content' | 'account';

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
}

/** What a route answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Whether `body` may be asked for in parts. */
  readonly ranges?: boolean;
}

/** An address of the hub and what it does. Uploading adds more of these, in files of their own. */
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
