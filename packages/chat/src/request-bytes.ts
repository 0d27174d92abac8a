import type { ChatRequest } from './chat-types.js';

/** Bytes that an endpoint's template puts around one message: names of roles and marks of turns. */
const bytesAroundMessage = 32;

/** Bytes of UTF-8 in what a model reads of a request. A byte-level tokenizer makes at most that many tokens of it. */
export function requestBytes({ system, messages }: ChatRequest): number {
  const texts = [...(system === undefined ? [] : [system]), ...messages.map(({ content }) => content)];
  return texts.reduce((sum, text) => sum + bytesAroundMessage + Buffer.byteLength(text), 0);
}
