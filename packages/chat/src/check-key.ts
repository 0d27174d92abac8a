import { readdir } from 'node:fs/promises';
import { chatOptionsSchema, type ChatOptions } from './chat-options.js';
import { dialects } from './dialects/dialects.js';
import { readKey, resolveEndpoint } from './endpoint.js';

/**
 * Checks before any work is done that a client would have a key to send. Nothing is asked where answers are replayed only, or where some are
 * kept in `cacheFolder`: they may be all that is needed, and if not, the first request says so.
 *
 * Throws `E_CHAT_KEY` and `E_CHAT_URL`.
 */
export async function checkKey(given: ChatOptions, cacheFolder: string): Promise<void> {
  const options = chatOptionsSchema.parse(given);
  if (options.replayOnly === true) return;
  const dialect = dialects[options.dialect];
  const endpoint = resolveEndpoint(options, dialect);
  const kept = await readdir(cacheFolder).catch(() => []);
  if (kept.length === 0) readKey(options, dialect, endpoint);
}
