import { NlaError, type JsonValue } from '@nlakit/core';
import type { ChatOptions } from './chat-options.js';
import type { ChatRequest } from './chat-types.js';
import type { Dialect } from './dialects/dialect.js';

/** Where requests go. */
export interface Endpoint {
  readonly url: URL;
  /** Host and port, for people and provenance. */
  readonly host: string;
  /** The provider's own. */
  readonly official: boolean;
}

/** The address that the options mean. Throws `E_CHAT_URL`. */
export function resolveEndpoint({ baseUrl, model, allowHttp }: ChatOptions, dialect: Dialect): Endpoint {
  const text = baseUrl ?? dialect.defaultUrl;
  const base = URL.canParse(text) ? new URL(text) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '' || base.search !== '') {
    throw new NlaError('E_CHAT_URL', {
      message: 'The address of the chat model is wrong.',
      // An address with a user or a query may hold a secret.
      found: base === undefined || /[@?]/.test(text) ? 'an address with a user name or a query in it, or none at all' : text,
      expected: dialect.defaultUrl,
      fix: 'Correct `baseUrl`. The key is named by `apiKeyEnv`, and is never part of the address.',
      kind: 'input',
    });
  }
  if (base.protocol === 'http:' && !isLoopback(base.hostname) && allowHttp !== true) {
    throw new NlaError('E_CHAT_URL', {
      message: 'The address of the chat model is not encrypted, and it is another machine.',
      found: base.origin,
      expected: 'https:, or http: on this machine',
      fix: 'Use https:, or set `allowHttp: true` if everybody on the way may read what is sent.',
      kind: 'input',
    });
  }
  const url = new URL(`${text.replace(/\/+$/, '')}${dialect.path(model)}`);
  return { url, host: url.host, official: base.host === new URL(dialect.defaultUrl).host };
}

/**
 * The key to send, from the environment: the variable that the options name; else the provider's usual one, but to the provider's own
 * address only. Throws `E_CHAT_KEY`, which never holds the key.
 */
export function readKey(
  { apiKeyEnv }: ChatOptions,
  dialect: Dialect,
  { official, host }: Endpoint,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const name = apiKeyEnv ?? (official ? dialect.defaultKeyEnv : undefined);
  if (name === undefined) return undefined;
  const key = env[name]?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new NlaError('E_CHAT_KEY', {
    message: 'There is no key for the chat model.',
    found: key === '' ? `${name} is not set` : `${name} holds characters that no key has`,
    expected: `a key for ${host} in ${name}`,
    fix: `Set ${name}, or name another variable with \`apiKeyEnv\`.`,
    kind: 'input',
  });
}

/** The body of a request: the dialect's fields, then the options' own; null takes a field out. */
export function requestBody(options: ChatOptions, dialect: Dialect, { official }: Endpoint, request: ChatRequest): JsonObject {
  return overlay(dialect.body(options.model, request, official), options.body ?? {});
}

export type JsonObject = Readonly<Record<string, JsonValue>>;

function overlay(below: JsonObject, above: JsonObject): JsonObject {
  const merged: Record<string, JsonValue> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const before = merged[name];
    if (value === null) Reflect.deleteProperty(merged, name);
    else merged[name] = isObject(before) && isObject(value) ? overlay(before, value) : value;
  }
  return merged;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
