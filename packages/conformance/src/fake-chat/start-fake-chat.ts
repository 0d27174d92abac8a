import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatFault, ChatFaultChooser } from './chat-fault.js';
import { wireFormats, type ChatDialect, type FakeCompletion, type FakePrompt, type Fields } from './wire-format.js';

/** What a fake model says: a text, or an answer in detail. Token counts are a quarter of the bytes unless given. */
export type FakeReply = string | ({ readonly text: string } & Partial<FakeCompletion>);

/** A request the endpoint got, in the order of arrival. */
export interface FakeChatRequest {
  readonly dialect: ChatDialect;
  /** Nothing for a body that is no request of the dialect. */
  readonly prompt: FakePrompt | undefined;
  /** sha256 of the body as it came. */
  readonly body: string;
  /** Whether a key came with it. */
  readonly authorized: boolean;
  readonly fault: ChatFault | undefined;
  /** 0 while it is being answered, and where no answer was given. */
  readonly status: number;
  /** An answer was made, whether it arrived or not: a provider would charge for it. */
  readonly charged: boolean;
}

/** Options of {@link startFakeChat}. */
export interface FakeChatOptions {
  /** What the model says. Default: a text that depends on the last message alone. */
  readonly answer?: (prompt: FakePrompt) => FakeReply | Promise<FakeReply>;
  readonly fault?: ChatFaultChooser;
  /** Keys that are accepted. Default: all, and none as well. */
  readonly keys?: readonly string[];
}

/** An endpoint that runs. */
export interface FakeChat {
  /** Its address; loopback. */
  readonly url: string;
  /** What a client of each dialect is to be given as its base address. */
  readonly baseUrls: Readonly<Record<ChatDialect, string>>;
  /** Decides on faults; may be set at any time. */
  fault: ChatFaultChooser | undefined;
  /** What the model says; may be set at any time. */
  answer: (prompt: FakePrompt) => FakeReply | Promise<FakeReply>;
  readonly requests: readonly FakeChatRequest[];
  /** Most requests that were under way at one time. */
  mostAtOnce(): number;
  clearRequests(): void;
  /** Closes it with all connections. */
  stop(): Promise<void>;
}

/**
 * Starts an endpoint of its own on loopback that speaks three dialects of chat, with an answer function for a model, a log of requests, and
 * faults on request. Other addresses are 404, bodies that the dialect does not know 400, wrong keys 401.
 */
export async function startFakeChat(options: FakeChatOptions = {}): Promise<FakeChat> {
  const requests: FakeChatRequest[] = [];
  const earlier = new Map<string, number>();
  let underWay = 0;
  let mostAtOnce = 0;

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(message.url ?? '/', 'http://localhost').pathname;
    const found = Object.entries(wireFormats).find(([, format]) => message.method === 'POST' && format.pattern.test(path));
    if (found === undefined) {
      send(response, 404, { error: { message: `The fake endpoint has no ${message.method ?? ''} ${path}` } });
      return;
    }
    const [dialect, format] = found as [ChatDialect, (typeof wireFormats)[ChatDialect]];
    const text = await readBody(message);
    const body = createHash('sha256').update(text).digest('hex');
    const count = earlier.get(body) ?? 0;
    earlier.set(body, count + 1);
    const fault = chat.fault?.({ dialect, body, earlier: count });
    const key = format.key(message.headers);
    const record = {
      dialect,
      prompt: undefined as FakePrompt | undefined,
      body,
      authorized: key !== undefined,
      fault,
      status: 0,
      charged: false,
    };
    requests.push(record);
    const answer = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void => {
      record.status = status;
      send(response, status, value, headers);
    };

    if (fault?.type === 'refuse-connection') {
      response.destroy();
      return;
    }
    if (options.keys !== undefined && (key === undefined || !options.keys.includes(key))) {
      // As some providers do, the refusal quotes what was sent.
      answer(401, format.error(401, `Incorrect API key provided: ${key ?? ''}`, 'invalid_api_key'));
      return;
    }
    if (fault?.type === 'status') {
      const headers: Record<string, string> = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
      answer(fault.status, format.error(fault.status, `Fault ${fault.status}`, fault.code), headers);
      return;
    }
    try {
      record.prompt = format.read(JSON.parse(text) as Fields, decodeURIComponent(format.pattern.exec(path)?.groups?.['model'] ?? ''));
    } catch (error) {
      answer(400, format.error(400, error instanceof Error ? error.message : String(error), 'invalid_request_error'));
      return;
    }
    const { prompt } = record;
    const completion = strike(completionOf(prompt, await chat.answer(prompt)), fault);
    record.charged = true;
    if (fault?.type === 'slow') await delay(fault.milliseconds);
    if (fault?.type === 'stall') return;
    const whole = Buffer.from(JSON.stringify(format.write(prompt, completion)));
    if (fault?.type === 'drop') {
      await cut(response, whole, fault.afterBytes);
      return;
    }
    record.status = 200;
    send(response, 200, fault?.type === 'malformed' ? malformed(whole, fault.form) : whole);
  };

  const server = createServer((message, response) => {
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    response.once('close', () => (underWay -= 1));
    serve(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((started, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', started);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const chat: FakeChat = {
    url,
    baseUrls: { openai: `${url}/v1`, anthropic: url, gemini: `${url}/v1beta` },
    fault: options.fault,
    answer: options.answer ?? ((prompt) => `answer ${hashOf(prompt.messages.at(-1)?.content ?? '').slice(0, 16)}`),
    requests,
    mostAtOnce: () => mostAtOnce,
    clearRequests() {
      requests.length = 0;
      earlier.clear();
      mostAtOnce = underWay;
    },
    stop: () =>
      new Promise((closed) => {
        server.close(() => {
          closed();
        });
        server.closeAllConnections();
      }),
  };
  return chat;
}

function completionOf({ system, messages }: FakePrompt, reply: FakeReply): FakeCompletion {
  const detailed = typeof reply === 'string' ? { text: reply } : reply;
  const read = [system ?? '', ...messages.map(({ content }) => content)].join('');
  return { stop: 'end', inputTokens: quarter(read), outputTokens: quarter(detailed.text), ...detailed };
}

function strike(completion: FakeCompletion, fault: ChatFault | undefined): FakeCompletion {
  switch (fault?.type) {
    case 'refusal':
      return { ...completion, text: 'I cannot help with that.', stop: 'refusal' };
    case 'empty':
      return { ...completion, text: '', outputTokens: 0 };
    case 'length':
      return { ...completion, text: completion.text.slice(0, Math.floor(completion.text.length / 2)), stop: 'length' };
    case 'status':
    case 'drop':
    case 'malformed':
    case 'refuse-connection':
    case 'stall':
    case 'slow':
    case undefined:
      return completion;
  }
}

function malformed(whole: Buffer, form: 'cut' | 'page' | 'form'): Buffer {
  if (form === 'cut') return whole.subarray(0, Math.floor(whole.length / 2));
  return Buffer.from(form === 'page' ? '<!doctype html><title>Gateway</title>' : '{"answer":"of another form"}');
}

function send(response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(Buffer.isBuffer(value) ? value : JSON.stringify(value));
}

/** Sends a part of the body and hangs up. */
async function cut(response: ServerResponse, whole: Buffer, afterBytes: number | undefined): Promise<void> {
  if (afterBytes !== undefined) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(whole.length) });
    const part = whole.subarray(0, Math.min(afterBytes, whole.length - 1));
    await new Promise<void>((done) => {
      response.once('close', done);
      response.write(part.length === 0 ? '' : part, () => {
        done();
      });
    });
  }
  response.destroy();
}

async function readBody(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function quarter(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
