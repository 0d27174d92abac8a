import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createChatClient, type ChatClient, type ChatContext, type ChatOptions, type ChatRequest } from '../index.js';
import { fastClock } from './fast-clock.js';

/** A client of a fake endpoint, with what it said and where it keeps answers. */
export interface TestClient extends ChatClient {
  readonly folder: string;
  readonly said: readonly string[];
}

export function testClient(options: Partial<ChatOptions>, context: Partial<ChatContext> = {}): TestClient {
  const folder = context.cacheFolder ?? mkdtempSync(path.join(tmpdir(), 'nla-chat-'));
  const said: string[] = [];
  const say = (message: string): void => {
    said.push(message);
  };
  const client = createChatClient(
    { dialect: 'openai', model: 'fake', ...options },
    {
      cacheFolder: folder,
      signal: new AbortController().signal,
      log: { debug: say, info: say, warn: say, progress: () => undefined },
      clock: fastClock(),
      ...context,
    },
  );
  return { ...client, folder, said };
}

export const ask = (content: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: 'user', content }],
  maxTokens: 100,
  temperature: 0,
  ...more,
});
