import { ZodError } from 'zod';
import { ChatFailure, failureOfBody, failureOfNetwork, failureOfStatus, type ChatSubject } from './chat-failure.js';
import type { ParsedAnswer } from './dialects/dialect.js';

/** No answer is that long; what is may never end. */
const mostBytes = 32 * 2 ** 20;

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
    text = await readBounded(response);
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfNetwork(timeout.aborted ? new Error(`no answer for ${attempt.timeoutMilliseconds / 1000} s`) : error, subject);
  }
  if (!response.ok) throw failureOfStatus(response.status, response.headers, text, subject);
  return readAnswer(attempt, text);
}

/** The body as text, if it is of a size that an answer may have. */
async function readBounded({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += (piece as Uint8Array).byteLength;
    if (size > mostBytes) throw new Error(`more than ${mostBytes} bytes`);
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function readAnswer({ parse, subject }: Attempt, text: string): ParsedAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes a piece of the text, which cannot be searched for the key.
    throw failureOfBody(text === '' ? 'nothing' : text, subject);
  }
  try {
    return parse(json);
  } catch (error) {
    if (error instanceof ChatFailure || !(error instanceof ZodError)) throw error;
    throw failureOfBody(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '), subject);
  }
}
