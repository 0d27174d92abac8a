import type { JsonValue } from '@nlakit/core';
import type { StoredAnswer } from '../answer-store.js';
import type { ChatRequest } from '../chat-types.js';

/** An answer of an endpoint; the token counts are absent where it gave none. */
export type ParsedAnswer = Omit<StoredAnswer, 'inputTokens' | 'outputTokens' | 'model'> &
  Partial<Pick<StoredAnswer, 'inputTokens' | 'outputTokens' | 'model'>>;

/** How one kind of endpoint is spoken to. */
export interface Dialect {
  readonly defaultUrl: string;
  readonly defaultKeyEnv: string;
  /** Path below the base address. */
  path(model: string): string;
  headers(key: string | undefined): Readonly<Record<string, string>>;
  /** `official`: the provider's own endpoint, which may want other fields than those that are compatible with it. */
  body(model: string, request: ChatRequest, official: boolean): Readonly<Record<string, JsonValue>>;
  /** Most tokens of all answers together that a body asks for; nothing where it sets no limit. */
  outputLimit(body: Readonly<Record<string, JsonValue>>): number | undefined;
  /** Throws a `ZodError` for what is no answer. */
  parse(json: unknown): ParsedAnswer;
}
