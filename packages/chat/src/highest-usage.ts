import { NlaError } from '@nlakit/core';
import type { ChatOptions } from './chat-options.js';
import type { ChatRequest } from './chat-types.js';
import type { Dialect } from './dialects/dialect.js';
import { requestBody, type Endpoint } from './endpoint.js';
import { requestBytes } from './request-bytes.js';

/**
 * Tokens that one attempt can take at most: a token of the input is at least one byte of what is sent, further fields of the body
 * included, and the output is as long as the body lets it be. Throws `E_CHAT_OPTIONS` where a cap is set and `body` takes that limit away.
 */
export function highestUsage(
  options: ChatOptions,
  dialect: Dialect,
  endpoint: Endpoint,
  request: ChatRequest,
): { readonly inputTokens: number; readonly outputTokens: number } {
  const limit = dialect.outputLimit(requestBody(options, dialect, endpoint, request));
  if (limit === undefined && options.maxCost !== undefined) {
    throw new NlaError('E_CHAT_OPTIONS', {
      message: 'With `maxCost` every answer needs a limit, and `body` takes it away.',
      found: JSON.stringify(options.body),
      expected: 'a body that limits the tokens of an answer',
      fix: 'Name the limit in `body` as the endpoint knows it, or leave `maxCost` out.',
      kind: 'input',
    });
  }
  const added = options.body === undefined ? 0 : Buffer.byteLength(JSON.stringify(options.body));
  return { inputTokens: requestBytes(request) + added, outputTokens: limit ?? request.maxTokens };
}
