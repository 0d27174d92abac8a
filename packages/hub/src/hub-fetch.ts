import manifest from '../package.json' with { type: 'json' };
import { failureOfNetwork, failureOfResponse, HubFailure, type Subject } from './hub-failure.js';
import { withRetries, type RetryPolicy } from './with-retries.js';

/**
 * A `fetch` for the Hub's API, for use with `@huggingface/hub`, which tries once and drops the headers that say what is wrong. This one
 * adds the token (for the Hub's own address only), reads the whole answer, tries again after passing faults, and throws the `NlaError`
 * that an error answer means. Not for the content of files.
 */
export function createHubFetch(subject: Subject, policy: RetryPolicy, signal: AbortSignal): typeof fetch {
  return (input, init) => withRetries(policy, signal, () => requestOnce(subject, policy, signal, input, init));
}

/** One attempt of {@link createHubFetch}. Throws a {@link HubFailure}, which `withRetries` understands. */
export async function requestOnce(
  subject: Subject,
  { stallMilliseconds }: Pick<RetryPolicy, 'stallMilliseconds'>,
  signal: AbortSignal,
  input: Parameters<typeof fetch>[0],
  init?: RequestInit,
): Promise<Response> {
  const address = new URL(input instanceof Request ? input.url : input);
  const timeout = AbortSignal.timeout(stallMilliseconds);
  let response: Response;
  let body: ArrayBuffer;
  try {
    response = await fetch(input, {
      ...init,
      headers: { ...Object.fromEntries(new Headers(init?.headers)), ...hubHeaders(subject, address) },
      signal: AbortSignal.any([signal, timeout]),
    });
    if (!response.ok) throw await failureOfResponse(response, subject);
    body = await response.arrayBuffer();
    // An answer that was cut off can only be told by its not being JSON.
    if (response.headers.get('content-type')?.includes('json') === true) JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof HubFailure ? error : failureOfNetwork(error, subject, 'The Hub did not answer.');
  }
  return new Response(body, { status: response.status, headers: response.headers });
}

/** Who asks, and the token for addresses of the Hub itself and for no other. */
export function hubHeaders({ settings }: Subject, address: URL): Readonly<Record<string, string>> {
  const agent = { 'user-agent': `nlakit-hub/${manifest.version}; node/${process.versions.node}` };
  const own = address.origin === new URL(settings.endpoint).origin;
  return own && settings.token !== undefined ? { ...agent, authorization: `Bearer ${settings.token}` } : agent;
}
