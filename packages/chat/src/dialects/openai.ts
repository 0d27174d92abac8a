import { z } from 'zod';
import type { Dialect } from './dialect.js';

const part = z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.string() })]);
const schema = z.object({
  model: z.string().optional(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.union([z.string(), z.array(part)]).nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: z.number().int().min(0), completion_tokens: z.number().int().min(0) }).nullish(),
});

/** `POST /chat/completions`, as OpenAI has it and vLLM, llama.cpp, Ollama, OpenRouter and others follow. */
export const openai: Dialect = {
  defaultUrl: 'https://api.openai.com/v1',
  defaultKeyEnv: 'OPENAI_API_KEY',
  path: () => '/chat/completions',
  headers: (key) => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
  body: (model, { system, messages, maxTokens, temperature, seed }, official) => ({
    model,
    messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messages.map((message) => ({ ...message }))],
    // OpenAI's newer models refuse `max_tokens`; most endpoints that follow it know nothing else.
    [official ? 'max_completion_tokens' : 'max_tokens']: maxTokens,
    temperature,
    ...(seed === undefined ? {} : { seed }),
    stream: false,
  }),
  outputLimit({ max_tokens: most, max_completion_tokens: mostToo, n }) {
    const limits = [most, mostToo].filter((limit) => typeof limit === 'number');
    return limits.length === 0 ? undefined : Math.max(...limits) * (typeof n === 'number' ? n : 1);
  },
  parse(json) {
    const { model, choices, usage } = schema.parse(json);
    const choice = choices[0];
    const content = choice?.message.content ?? '';
    const refusal = choice?.message.refusal ?? '';
    const text = typeof content === 'string' ? content : content.map((one) => ('text' in one ? one.text : '')).join('');
    return {
      text: text === '' ? refusal : text,
      stop: refusal === '' ? stopOf(choice?.finish_reason) : 'refusal',
      ...(model === undefined ? {} : { model }),
      ...(usage == null ? {} : { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens }),
    };
  },
};

function stopOf(reason: string | null | undefined): 'end' | 'length' | 'refusal' | 'other' {
  if (reason === 'stop') return 'end';
  if (reason === 'length') return 'length';
  return reason === 'content_filter' ? 'refusal' : 'other';
}
