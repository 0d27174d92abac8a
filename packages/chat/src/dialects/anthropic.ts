import { z } from 'zod';
import type { Dialect } from './dialect.js';

const count = z.number().int().min(0);
const schema = z.object({
  type: z.literal('message'),
  model: z.string().optional(),
  content: z.array(z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.string() })])),
  stop_reason: z.string().nullish(),
  usage: z
    .object({
      input_tokens: count,
      output_tokens: count,
      cache_creation_input_tokens: count.nullish(),
      cache_read_input_tokens: count.nullish(),
    })
    .nullish(),
});

/** `POST /v1/messages`. It knows no seed. */
export const anthropic: Dialect = {
  defaultUrl: 'https://api.anthropic.com',
  defaultKeyEnv: 'ANTHROPIC_API_KEY',
  path: () => '/v1/messages',
  headers: (key) => ({ 'anthropic-version': '2023-06-01', ...(key === undefined ? {} : { 'x-api-key': key }) }),
  body: (model, { system, messages, maxTokens, temperature }) => ({
    model,
    max_tokens: maxTokens,
    ...(system === undefined ? {} : { system }),
    messages: messages.map((message) => ({ ...message })),
    temperature,
  }),
  outputLimit: ({ max_tokens: most }) => (typeof most === 'number' ? most : undefined),
  parse(json) {
    const { model, content, stop_reason: reason, usage } = schema.parse(json);
    return {
      text: content.map((one) => ('text' in one ? one.text : '')).join(''),
      stop: stopOf(reason),
      ...(model === undefined ? {} : { model }),
      ...(usage == null
        ? {}
        : {
            inputTokens: usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0),
            outputTokens: usage.output_tokens,
          }),
    };
  },
};

function stopOf(reason: string | null | undefined): 'end' | 'length' | 'refusal' | 'other' {
  if (reason === 'end_turn' || reason === 'stop_sequence') return 'end';
  if (reason === 'max_tokens' || reason === 'model_context_window_exceeded') return 'length';
  return reason === 'refusal' ? 'refusal' : 'other';
}
