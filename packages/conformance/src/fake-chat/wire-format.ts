import type { IncomingHttpHeaders } from 'node:http';

/** How a client speaks: OpenAI-compatible chat completions, Anthropic messages, Gemini `generateContent`. */
export type ChatDialect = 'openai' | 'anthropic' | 'gemini';

/** A request in the words of no dialect. */
export interface FakePrompt {
  readonly dialect: ChatDialect;
  readonly model: string;
  readonly system: string | undefined;
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[];
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly seed: number | undefined;
}

/** An answer in the words of no dialect. */
export interface FakeCompletion {
  readonly text: string;
  readonly stop: 'end' | 'length' | 'refusal';
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** One dialect as a server sees it. */
export interface WireFormat {
  /** Matches the path of the address; a group `model` where the model is named there. */
  readonly pattern: RegExp;
  key(headers: IncomingHttpHeaders): string | undefined;
  /** Throws for a body that the real endpoint would refuse with 400. */
  read(body: Fields, model: string): FakePrompt;
  write(prompt: FakePrompt, completion: FakeCompletion): Fields;
  error(status: number, message: string, code: string | undefined): unknown;
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

const openai: WireFormat = {
  pattern: /\/chat\/completions$/,
  key: ({ authorization }) => /^Bearer (.+)$/.exec(authorization ?? '')?.[1],
  read(body) {
    const turns = listOf(body, 'messages').map((turn) => ({ role: textOf(turn, 'role'), content: textOf(turn, 'content') }));
    const system = turns.filter(({ role }) => role === 'system').map(({ content }) => content);
    return {
      dialect: 'openai',
      model: textOf(body, 'model'),
      system: system.length === 0 ? undefined : system.join('\n'),
      messages: turns.filter(({ role }) => role !== 'system').map(({ role, content }) => ({ role: userOr(role, 'assistant'), content })),
      maxTokens: numberOf(body, 'max_tokens') ?? numberOf(body, 'max_completion_tokens'),
      temperature: numberOf(body, 'temperature'),
      seed: numberOf(body, 'seed'),
    };
  },
  write: ({ model }, { text, stop, inputTokens, outputTokens }) => ({
    id: 'chatcmpl-fake',
    object: 'chat.completion',
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: stop === 'refusal' ? null : text, refusal: stop === 'refusal' ? text : null },
        finish_reason: stop === 'length' ? 'length' : 'stop',
      },
    ],
    usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
  }),
  error: (_status, message, code) => ({ error: { message, type: 'fake_error', param: null, code: code ?? null } }),
};

const anthropic: WireFormat = {
  pattern: /\/v1\/messages$/,
  key: (headers) => headers['x-api-key']?.toString(),
  read(body) {
    const maxTokens = numberOf(body, 'max_tokens');
    if (maxTokens === undefined) throw new Error('max_tokens: Field required');
    return {
      dialect: 'anthropic',
      model: textOf(body, 'model'),
      system: body['system'] === undefined ? undefined : textOf(body, 'system'),
      messages: listOf(body, 'messages').map((turn) => ({
        role: userOr(textOf(turn, 'role'), 'assistant'),
        content: textOf(turn, 'content'),
      })),
      maxTokens,
      temperature: numberOf(body, 'temperature'),
      seed: undefined,
    };
  },
  write: ({ model }, { text, stop, inputTokens, outputTokens }) => ({
    id: 'msg_fake',
    type: 'message',
    role: 'assistant',
    model,
    content: text === '' ? [] : [{ type: 'text', text }],
    stop_reason: { end: 'end_turn', length: 'max_tokens', refusal: 'refusal' }[stop],
    stop_sequence: null,
    usage: { input_tokens: inputTokens, output_tokens: outputTokens },
  }),
  error: (_status, message, code) => ({ type: 'error', error: { type: code ?? 'api_error', message } }),
};

const gemini: WireFormat = {
  pattern: /\/models\/(?<model>[^/]+):generateContent$/,
  key: (headers) => headers['x-goog-api-key']?.toString(),
  read(body, model) {
    const settings = fieldsOf(body['generationConfig'] ?? {});
    return {
      dialect: 'gemini',
      model,
      system: body['systemInstruction'] === undefined ? undefined : partsOf(fieldsOf(body['systemInstruction'])),
      messages: listOf(body, 'contents').map((turn) => ({ role: userOr(textOf(turn, 'role'), 'model'), content: partsOf(turn) })),
      maxTokens: numberOf(settings, 'maxOutputTokens'),
      temperature: numberOf(settings, 'temperature'),
      seed: numberOf(settings, 'seed'),
    };
  },
  write: ({ model }, { text, stop, inputTokens, outputTokens }) => ({
    candidates: [
      {
        index: 0,
        // What was withheld has no content at all.
        ...(stop === 'refusal' ? {} : { content: { role: 'model', parts: [{ text }] } }),
        finishReason: { end: 'STOP', length: 'MAX_TOKENS', refusal: 'SAFETY' }[stop],
      },
    ],
    usageMetadata: { promptTokenCount: inputTokens, candidatesTokenCount: outputTokens, totalTokenCount: inputTokens + outputTokens },
    modelVersion: model,
  }),
  error: (status, message, code) => ({ error: { code: status, message, status: code ?? 'FAKE' } }),
};

/** The three dialects. */
export const wireFormats: Readonly<Record<ChatDialect, WireFormat>> = { openai, anthropic, gemini };

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('an object is expected');
  return value as Fields;
}

function listOf(fields: Fields, name: string): Fields[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${name}: a list is expected`);
  return value.map(fieldsOf);
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Error(`${name}: a text is expected`);
  return value;
}

function numberOf(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'number') throw new Error(`${name}: a number is expected`);
  return value;
}

function partsOf(fields: Fields): string {
  return listOf(fields, 'parts')
    .map((part) => textOf(part, 'text'))
    .join('');
}

function userOr(role: string, other: string): 'user' | 'assistant' {
  if (role !== 'user' && role !== other) throw new Error(`role: ${role} is not known`);
  return role === 'user' ? 'user' : 'assistant';
}
