import type { JsonValue } from '@nlakit/core';

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** What is asked of a model. Equal requests to one model have equal answers: the second comes from the cache. */
export interface ChatRequest {
  readonly system?: string;
  readonly messages: readonly ChatMessage[];
  /** Most tokens of the answer, those of hidden reasoning included. */
  readonly maxTokens: number;
  readonly temperature: number;
  /** Sent where the dialect knows seeds (not `anthropic`); always tells requests apart that are equal otherwise. */
  readonly seed?: number;
}

/** Tokens, and what they cost in US dollars by the configured prices: 0 without prices. */
export interface ChatUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: number;
}

/** An answer. `usage` is what it took when it was first given, also where it comes from the cache. */
export interface ChatAnswer {
  /** May be empty, also where `stop` is `end`. */
  readonly text: string;
  /** `length`: cut at `maxTokens`. `refusal`: the model or a filter declined. `other`: a reason this client does not know. */
  readonly stop: 'end' | 'length' | 'refusal' | 'other';
  readonly usage: ChatUsage;
  /** The model that answered, as the endpoint names it. */
  readonly model: string;
  readonly cached: boolean;
  /** sha256 of the canonical request, and the name of its file in the cache. */
  readonly key: string;
}

/** What a client has used so far. */
export interface ChatSpending extends ChatUsage {
  /** Answers that were asked of the endpoint and came. */
  readonly requests: number;
  /** Answers that came from the cache, or were shared with an equal request under way. */
  readonly cached: number;
  /** Attempts beyond the first of a request. */
  readonly retried: number;
  /** Attempts whose answer was lost on the way or could not be read: the provider may have charged for them. */
  readonly lost: number;
  /** US dollars that the lost attempts cost at most. They count against `maxCost`. */
  readonly lostCostAtMost: number;
}

/** What a job would take. Nothing is asked for it. */
export interface ChatEstimate {
  /** Requests in all. */
  readonly requests: number;
  /** Of them, those that are in the cache, or equal an earlier one. */
  readonly cached: number;
  /** Of those to be asked: estimated at {@link BYTES_PER_TOKEN} bytes of UTF-8 a token. */
  readonly inputTokens: number;
  /** Of those to be asked: the sum of `maxTokens`. */
  readonly outputTokensAtMost: number;
  /** US dollars with estimated input and output in full; 0 without prices. */
  readonly costEstimated: number;
  /** US dollars that cannot be passed as a token is at least one byte; 0 without prices. */
  readonly costAtMost: number;
  /** Whether there are prices. Without them the cost is unknown, not nothing. */
  readonly priced: boolean;
}

/** A client for one model. */
export interface ChatClient {
  /**
   * Answers a request, from the cache where it can. Throws the `E_CHAT_…` errors and the signal's reason; a refusal is an answer.
   */
  complete(request: ChatRequest): Promise<ChatAnswer>;
  spent(): ChatSpending;
  estimate(requests: Iterable<ChatRequest>): ChatEstimate;
  /** Dialect, model, host and further parameters, without secrets: for provenance. */
  identity(): Readonly<Record<string, JsonValue>>;
}

/** Bytes of UTF-8 to a token, for estimates: English text has about four. */
export const BYTES_PER_TOKEN = 4;
