import { ZodError } from 'zod';
import { ChatFailure, failureOfBody, failureOfNetwork, failureOfStatus, type ChatSubject } from './chat-failure.js';
import type { ParsedAnswer } from './dialects/dialect.js';

/** One attempt at one request. */
export interface Attempt {
  readonly subject: ChatSubject;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Throws a `ZodError` for what is no answer. */
  readonly parse: (json: unknown) => ParsedAnswer;
  readonly fetch: typeof fetch;
  readonly timeoutMilliseconds: number;
  readonly signal: AbortSignal;
}

/** Sends a request and reads the whole answer. Throws a {@link ChatFailure}, and the signal's reason. */
export async function sendOnce(attempt: Attempt): Promise<ParsedAnswer> {
  const { subject, headers, body, signal } = attempt;
  const timeout = AbortSignal.timeout(attempt.timeoutMilliseconds);
  let response: Response;
  let text: string;
  try {
    response = await attempt.fetch(subject.endpoint.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body,
      // Followed, a redirection would take the key to another host.
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    text = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfNetwork(timeout.aborted ? new Error(`no answer for ${attempt.timeoutMilliseconds / 1000} s`) : error, subject);
  }
  if (!response.ok) throw failureOfStatus(response.status, response.headers, text, subject);
  return readAnswer(attempt, text);
}

function readAnswer({ parse, subject }: Attempt, text: string): ParsedAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw failureOfBody(error instanceof Error ? error.message : String(error), subject);
  }
  try {
    return parse(json);
  } catch (error) {
    if (error instanceof ChatFailure || !(error instanceof ZodError)) throw error;
    throw failureOfBody(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '), subject);
  }
}
