import type { FakeRepository } from './fake-repository.js';

/** A token that the fake hub knows. */
export interface FakeToken {
  readonly user: string;
  /** Ids of gated and private repositories that this token may read. */
  readonly reads?: readonly string[];
  readonly expired?: boolean;
  /** Organisations in whose name this token may write, beside its user's own. */
  readonly organizations?: readonly string[];
  /** The token may read only. */
  readonly readOnly?: boolean;
}

/** Why a request is refused, as the Hub states it. */
export interface Refusal {
  readonly status: number;
  readonly errorCode?: string;
  readonly message: string;
}

/** Refuses wrong and expired tokens, whatever they ask for. */
export function refuseToken(token: string | undefined, tokens: ReadonlyMap<string, FakeToken>): Refusal | undefined {
  if (token === undefined) return undefined;
  const known = tokens.get(token);
  if (known === undefined) return { status: 401, message: 'Invalid credentials in Authorization header' };
  if (known.expired === true) return { status: 401, message: `User Access Token "${known.user}" is expired` };
  return undefined;
}

/** Refuses repositories that are missing or private for this token: the two look the same. */
export function refuseRepository(repository: FakeRepository | undefined, token: FakeToken | undefined): Refusal | undefined {
  const visible =
    repository !== undefined &&
    (!repository.private || token?.reads?.includes(repository.id) === true || mayWriteFor(token, repository.id));
  if (visible) return undefined;
  return token === undefined
    ? { status: 401, errorCode: 'RepoNotFound', message: 'Invalid username or password.' }
    : { status: 404, errorCode: 'RepoNotFound', message: 'Repository not found' };
}

/** Refuses to change `owner/name` with this token. */
export function refuseWrite(id: string, token: FakeToken | undefined): Refusal | undefined {
  if (token === undefined) return { status: 401, message: 'Invalid username or password.' };
  if (token.readOnly === true) {
    return { status: 403, message: 'You have read access but not the required permissions for this operation: the token is read-only' };
  }
  if (mayWriteFor(token, id)) return undefined;
  return {
    status: 403,
    message: `You don't have the rights to create or change a repository under the namespace "${id.split('/')[0] ?? ''}"`,
  };
}

function mayWriteFor(token: FakeToken | undefined, id: string): boolean {
  const owner = id.split('/')[0] ?? '';
  return token !== undefined && (token.user === owner || token.organizations?.includes(owner) === true);
}

/** Refuses the content of a gated repository to whom it was not granted. */
export function refuseContent(repository: FakeRepository, token: FakeToken | undefined): Refusal | undefined {
  if (repository.gated === false || token?.reads?.includes(repository.id) === true || mayWriteFor(token, repository.id)) return undefined;
  const start = `Access to model ${repository.id} is restricted`;
  return token === undefined
    ? {
        status: 401,
        errorCode: 'GatedRepo',
        message: `${start}. You must have access to it and be authenticated to access it. Please log in.`,
      }
    : { status: 403, errorCode: 'GatedRepo', message: `${start} and you are not in the authorized list.` };
}
