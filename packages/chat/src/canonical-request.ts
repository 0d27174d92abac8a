import { createHash } from 'node:crypto';
import { NlaError, type JsonValue } from '@nlakit/core';
import type { ChatOptions } from './chat-options.js';
import type { ChatRequest } from './chat-types.js';

/**
 * Everything an answer depends on, in one order of keys, so that equal requests have equal text. Neither address nor key is part of it:
 * answers recorded from one endpoint stand for the same model at another.
 */
export function canonicalRequest(options: Pick<ChatOptions, 'dialect' | 'model' | 'body'>, request: ChatRequest): JsonValue {
  const { system, messages, maxTokens, temperature, seed } = request;
  const last = messages.at(-1);
  if (
    last?.role !== 'user' ||
    !Number.isInteger(maxTokens) ||
    maxTokens < 1 ||
    !(temperature >= 0) ||
    !(seed === undefined || Number.isInteger(seed))
  ) {
    throw new NlaError('E_CHAT_REQUEST', {
      message: 'The request to the chat model is not one.',
      found: JSON.stringify({ roles: messages.map(({ role }) => role), maxTokens, temperature, seed }),
      expected: 'messages that end with one of the user, a whole maxTokens from 1, a temperature from 0, and a whole seed or none',
      kind: 'input',
    });
  }
  return sortKeys({
    dialect: options.dialect,
    model: options.model,
    ...(options.body === undefined ? {} : { body: options.body as JsonValue }),
    ...(system === undefined ? {} : { system }),
    messages: messages.map(({ role, content }) => ({ role, content })),
    maxTokens,
    temperature,
    ...(seed === undefined ? {} : { seed }),
  });
}

/** sha256 of a canonical request, as hexadecimal. */
export function requestKey(canonical: JsonValue): string {
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

/** The same value with the keys of all objects in order. */
export function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, JsonValue>>);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sortKeys(inner)]));
}
