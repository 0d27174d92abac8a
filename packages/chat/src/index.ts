export { BYTES_PER_TOKEN } from './chat-types.js';
export type { ChatAnswer, ChatClient, ChatEstimate, ChatMessage, ChatRequest, ChatSpending, ChatUsage } from './chat-types.js';
export { chatOptionsSchema } from './chat-options.js';
export type { ChatOptions } from './chat-options.js';
export { createChatClient } from './create-chat-client.js';
export type { ChatContext } from './create-chat-client.js';
export type { ChatClock } from './chat-clock.js';
