import { NlaError } from '@nlakit/core';
import type { HubSettings } from './hub-settings.js';
import type { RepositoryType } from './repository-id.js';

/** A failed attempt: the error if it stays so, and whether another attempt may help. */
export class HubFailure extends Error {
  readonly error: NlaError;
  readonly transient: boolean;
  /** What the server asked to wait, in milliseconds. */
  readonly waitMilliseconds: number | undefined;
  /** Status of the answer, if there was one. */
  readonly status: number | undefined;

  constructor(error: NlaError, transient: boolean, waitMilliseconds?: number, status?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.transient = transient;
    this.waitMilliseconds = waitMilliseconds;
    this.status = status;
  }
}

/** What was asked for, for the text of errors. */
export interface Subject {
  readonly settings: HubSettings;
  readonly id: string;
  readonly type: RepositoryType;
  readonly revision: string;
  /** Path in the repository, if one file was asked for. */
  readonly path?: string;
}

/** Page of the repository, where terms are accepted. */
export function pageOf({ settings, type, id }: Subject): string {
  return `${settings.endpoint}/${type === 'dataset' ? 'datasets/' : ''}${id}`;
}

const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What an answer that is no success means. */
export async function failureOfResponse(response: Response, subject: Subject): Promise<HubFailure> {
  const { status, headers } = response;
  const code = headers.get('x-error-code');
  const said = headers.get('x-error-message') ?? (await errorText(response));
  return new HubFailure(
    errorOf(status, code, said, subject),
    transientStatuses.has(status),
    retryAfter(headers.get('retry-after')),
    status,
  );
}

/** What a request that got no answer, or half a one, means. Passes on what is no fault of the network. */
export function failureOfNetwork(error: unknown, { settings }: Subject, what: string): HubFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new HubFailure(
    new NlaError('E_HUB_UNREACHABLE', {
      message: what,
      found: cause instanceof Error ? [(cause as NodeJS.ErrnoException).code, cause.message].filter(Boolean).join(': ') : String(cause),
      expected: `an answer of ${settings.endpoint}`,
      fix: 'Check the network and HF_ENDPOINT, then run the same command again: it goes on where it stopped. HF_HUB_OFFLINE=1 uses what is cached.',
      cause: error,
    }),
    true,
  );
}

function errorOf(status: number, code: string | null, said: string, subject: Subject): NlaError {
  const { settings, id, type, revision, path } = subject;
  const found = `${status} ${code ?? ''} ${said}`.replace(/\s+/g, ' ').trim();
  const page = pageOf(subject);
  const login = `log in: \`hf auth login\`, or set HF_TOKEN to a token from ${settings.endpoint}/settings/tokens`;
  const haveToken = settings.token !== undefined;
  if (code === 'GatedRepo') {
    return new NlaError('E_HUB_GATED', {
      message: `The files of ${id} are given only to accounts that have accepted its terms.`,
      found,
      expected: 'an account that has been granted access',
      fix: haveToken
        ? `Accept the terms at ${page} with the account of your token. A fine-grained token also needs the permission to read public gated repositories.`
        : `Accept the terms at ${page}, then ${login}.`,
      kind: 'input',
    });
  }
  if (code === 'RevisionNotFound') {
    return new NlaError('E_HUB_REVISION_NOT_FOUND', {
      message: `${id} has no revision ${revision}.`,
      found,
      expected: 'a branch, a tag, refs/pr/N or a commit id of it',
      fix: `See ${page}/tree/main for its branches and tags.`,
      kind: 'input',
    });
  }
  if (code === 'EntryNotFound') {
    return new NlaError('E_HUB_FILE_NOT_FOUND', {
      message: `${id} has no ${path ?? 'such file'} at revision ${revision}.`,
      found,
      kind: 'input',
      fix: `See ${page}/tree/${revision}.`,
    });
  }
  // The Hub answers 401 for a wrong or outdated token, and also for a missing repository when nobody is logged in.
  if (status === 401 && code === null && haveToken) {
    return new NlaError('E_HUB_TOKEN', {
      message: 'The Hub does not accept the token.',
      found,
      expected: 'a token that is valid',
      fix: `Make a new one at ${settings.endpoint}/settings/tokens and set HF_TOKEN to it, or unset HF_TOKEN for what is public.`,
      kind: 'input',
    });
  }
  if (code === 'RepoNotFound' || status === 401) {
    return new NlaError('E_HUB_REPOSITORY_NOT_FOUND', {
      message: `There is no ${type} ${id}, or it is private and not yours to read.`,
      found,
      expected: `a ${type} at ${page}`,
      fix: haveToken
        ? 'Check the spelling, and that the account of your token may read it.'
        : `Check the spelling. If it is private, ${login}.`,
      kind: 'input',
    });
  }
  if (status === 409) {
    return new NlaError('E_HUB_EXISTS', {
      message: 'The Hub has something of that name already.',
      found,
      fix: `See ${page}.`,
    });
  }
  if (status === 412) {
    return new NlaError('E_HUB_CONFLICT', {
      message: `Somebody else has changed ${id} at ${revision} in the meantime.`,
      found,
      fix: 'Look at what was changed, then run the same command again.',
    });
  }
  if (status === 403) {
    return new NlaError('E_HUB_FORBIDDEN', {
      message: `The Hub refuses access to ${id}.`,
      found,
      fix: `See ${page}; a fine-grained token may lack a permission.`,
      kind: 'input',
    });
  }
  if (status === 429) {
    return new NlaError('E_HUB_RATE_LIMIT', {
      message: 'The Hub asks for fewer requests, and went on doing so.',
      found,
      fix: `Wait some minutes and run the same command again: it goes on where it stopped.${haveToken ? '' : ' Accounts that are logged in may ask more often.'}`,
    });
  }
  return new NlaError('E_HUB_RESPONSE', {
    message: `The Hub answered with an error${path === undefined ? '' : ` for ${path}`}.`,
    found,
    expected: 'a status of success',
    fix: transientStatuses.has(status)
      ? 'This is on its side. Run the same command again later: it goes on where it stopped.'
      : 'Check HF_ENDPOINT.',
  });
}

async function errorText(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).slice(0, 2000);
  try {
    const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown };
    return String(error ?? message ?? response.statusText);
  } catch {
    // Pages for people say less than the status does.
    return response.statusText;
  }
}

/** Seconds or a date, as RFC 9110 section 10.2.3 has it, in milliseconds from now. */
function retryAfter(text: string | null, now = Date.now()): number | undefined {
  if (text === null) return undefined;
  const milliseconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}
