import { NlaError } from '@nlakit/core';
import type { Endpoint } from './endpoint.js';

/** A failed attempt: the error if it stays so, and what follows from it. */
export class ChatFailure extends Error {
  readonly error: NlaError;
  /** Another attempt may help. */
  readonly transient: boolean;
  /** An answer may have been made, and charged for, before it was lost. */
  readonly lost: boolean;
  /** What the endpoint asked to wait, in milliseconds. */
  readonly waitMilliseconds: number | undefined;

  constructor(
    error: NlaError,
    about: { readonly transient: boolean; readonly lost?: boolean; readonly waitMilliseconds?: number | undefined },
  ) {
    super(error.message);
    this.error = error;
    this.transient = about.transient;
    this.lost = about.lost ?? false;
    this.waitMilliseconds = about.waitMilliseconds;
  }
}

/** Whom was asked, and what must not be shown. */
export interface ChatSubject {
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly key: string | undefined;
}

/** What an answer that is no success means; `body` is its text. */
export function failureOfStatus(status: number, headers: Headers, body: string, subject: ChatSubject): ChatFailure {
  const { code, message } = errorOf(body);
  // What a refused key's answer says is not shown: some quote the key in part.
  const said = status === 401 ? code : [code, message].filter(Boolean).join(': ');
  const found = redact(`${status} ${said}`.trim(), subject.key).slice(0, 1000);
  const { host } = subject.endpoint;
  const permanent = (name: string, details: { readonly message: string; readonly fix: string }): ChatFailure =>
    new ChatFailure(new NlaError(name, { found, kind: 'input', ...details }), { transient: false });
  if (status === 401) {
    return permanent('E_CHAT_KEY', {
      message: `${host} does not accept the key.`,
      fix: 'Set the variable that `apiKeyEnv` names to a valid key.',
    });
  }
  if (status === 402 || code === 'insufficient_quota') {
    return permanent('E_CHAT_QUOTA', {
      message: `The account at ${host} has nothing left to spend.`,
      fix: 'Top it up, then run the same command again: answers that came are kept.',
    });
  }
  if (status === 403) {
    return permanent('E_CHAT_FORBIDDEN', {
      message: `${host} refuses access to ${subject.model}.`,
      fix: 'Use a key that may use this model, from a place it is offered in.',
    });
  }
  if (status === 404) {
    return permanent('E_CHAT_MODEL', {
      message: `${host} has no model ${subject.model}, or nothing at this address.`,
      fix: 'Check `model` and `baseUrl`.',
    });
  }
  if (status >= 300 && status < 400) {
    return permanent('E_CHAT_URL', {
      message: `${host} sends to another address, where the key does not go.`,
      fix: 'Set `baseUrl` to the final address.',
    });
  }
  const transient = status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
  if (!transient) {
    return permanent('E_CHAT_REFUSED', {
      message: `${host} does not accept the request.`,
      fix: 'See what it says above; fields of the body are changed with `body`.',
    });
  }
  return new ChatFailure(
    new NlaError(status === 429 ? 'E_CHAT_RATE_LIMIT' : 'E_CHAT_RESPONSE', {
      message:
        status === 429 ? `${host} asks for fewer requests, and went on doing so.` : `${host} answers with errors, and went on doing so.`,
      found,
      fix:
        status === 429
          ? 'Lower `concurrency` or `requestsPerMinute`, then run the same command again: answers that came are kept.'
          : 'This is on its side. Run the same command again later: answers that came are kept.',
    }),
    // A gateway that gave up may have done so while the model was at work.
    { transient, lost: status === 504 || status === 524, waitMilliseconds: retryAfter(headers) },
  );
}

/** What an answer that cannot be read means. It may have been charged for. */
export function failureOfBody(what: string, { endpoint, key }: ChatSubject): ChatFailure {
  return new ChatFailure(
    new NlaError('E_CHAT_RESPONSE', {
      message: `${endpoint.host} gives answers that are none, and went on doing so.`,
      found: redact(what, key).slice(0, 300),
      expected: 'JSON of the configured dialect',
      fix: 'Check `dialect` and `baseUrl`.',
    }),
    { transient: true, lost: true },
  );
}

/** Codes of attempts that never reached anybody. */
const withoutConnection = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** What an attempt that got no answer, or half a one, means. It may have been charged for. */
export function failureOfNetwork(error: unknown, { endpoint, key }: ChatSubject): ChatFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  const text = cause instanceof Error ? [code, cause.message].filter(Boolean).join(': ') : String(cause);
  return new ChatFailure(
    new NlaError('E_CHAT_UNREACHABLE', {
      message: `${endpoint.host} does not answer.`,
      found: redact(text, key),
      expected: `an answer of ${endpoint.url.origin}`,
      fix: 'Check the network, `baseUrl` and `timeoutSeconds`, then run the same command again: answers that came are kept.',
    }),
    // Nothing was charged for where there was no connection.
    { transient: true, lost: code === undefined || !withoutConnection.has(code) },
  );
}

/** The code and the text of an error body of any dialect. */
function errorOf(body: string): { readonly code: string; readonly message: string } {
  try {
    const value: unknown = JSON.parse(body);
    const list = Array.isArray(value) ? (value as readonly unknown[])[0] : value;
    const error = (list as { readonly error?: unknown } | null)?.error;
    if (typeof error === 'string') return { code: '', message: error };
    const { code, status, type, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
    const name = [code, status, type].find((one) => typeof one === 'string');
    return { code: typeof name === 'string' ? name : '', message: typeof message === 'string' ? message : '' };
  } catch {
    // Pages for people say less than the status does.
    return { code: '', message: '' };
  }
}

function redact(text: string, key: string | undefined): string {
  return key === undefined ? text : text.split(key).join('…');
}

/** `retry-after-ms`, or `retry-after` as seconds or a date (RFC 9110 section 10.2.3), in milliseconds from now. */
function retryAfter(headers: Headers): number | undefined {
  const exact = Number(headers.get('retry-after-ms') ?? NaN);
  if (exact >= 0) return exact;
  const text = headers.get('retry-after');
  if (text === null || text.trim() === '') return undefined;
  const seconds = Number(text);
  const wait = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : 1000 * seconds;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
