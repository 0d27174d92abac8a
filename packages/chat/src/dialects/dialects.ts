import type { ChatOptions } from '../chat-options.js';
import { anthropic } from './anthropic.js';
import type { Dialect } from './dialect.js';
import { gemini } from './gemini.js';
import { openai } from './openai.js';

/** Every dialect by its name in the options. */
export const dialects: Readonly<Record<ChatOptions['dialect'], Dialect>> = { openai, anthropic, gemini };
