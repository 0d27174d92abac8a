import type { JsonValue } from '@nlakit/core';
import { z } from 'zod';
import type { Dialect } from './dialect.js';

const count = z.number().int().min(0);
const schema = z
  .object({
    modelVersion: z.string().optional(),
    promptFeedback: z.object({ blockReason: z.string().optional() }).optional(),
    candidates: z
      .array(
        z.object({
          finishReason: z.string().optional(),
          content: z
            .object({ parts: z.array(z.object({ text: z.string().optional(), thought: z.boolean().optional() })).optional() })
            .optional(),
        }),
      )
      .optional(),
    usageMetadata: z
      .object({ promptTokenCount: count.optional(), candidatesTokenCount: count.optional(), thoughtsTokenCount: count.optional() })
      .optional(),
  })
  .refine(({ candidates, promptFeedback }) => (candidates?.length ?? 0) > 0 || promptFeedback?.blockReason !== undefined, {
    message: 'neither a candidate nor a reason why there is none',
  });

/** Reasons that mean that the answer was withheld. */
const refusals = new Set(['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'LANGUAGE', 'IMAGE_SAFETY']);

/** `POST /models/<model>:generateContent`. The key goes into a header, never into the address. */
export const gemini: Dialect = {
  defaultUrl: 'https://generativelanguage.googleapis.com/v1beta',
  defaultKeyEnv: 'GEMINI_API_KEY',
  path: (model) => `/models/${encodeURIComponent(model.replace(/^models\//, ''))}:generateContent`,
  headers: (key) => (key === undefined ? {} : { 'x-goog-api-key': key }),
  body: (_model, { system, messages, maxTokens, temperature, seed }) => ({
    ...(system === undefined ? {} : { systemInstruction: { parts: [{ text: system }] } }),
    contents: messages.map(({ role, content }) => ({ role: role === 'user' ? 'user' : 'model', parts: [{ text: content }] })),
    generationConfig: { maxOutputTokens: maxTokens, temperature, ...(seed === undefined ? {} : { seed }) },
  }),
  outputLimit({ generationConfig }) {
    const { maxOutputTokens: most, candidateCount: n } = (generationConfig ?? {}) as Readonly<Record<string, JsonValue>>;
    return typeof most === 'number' ? most * (typeof n === 'number' ? n : 1) : undefined;
  },
  parse(json) {
    const { modelVersion, candidates, usageMetadata } = schema.parse(json);
    const candidate = candidates?.[0];
    const parts = candidate?.content?.parts ?? [];
    return {
      text: parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join(''),
      stop: candidate === undefined ? 'refusal' : stopOf(candidate.finishReason),
      ...(modelVersion === undefined ? {} : { model: modelVersion }),
      ...(usageMetadata?.promptTokenCount === undefined
        ? {}
        : {
            inputTokens: usageMetadata.promptTokenCount,
            outputTokens: (usageMetadata.candidatesTokenCount ?? 0) + (usageMetadata.thoughtsTokenCount ?? 0),
          }),
    };
  },
};

function stopOf(reason: string | undefined): 'end' | 'length' | 'refusal' | 'other' {
  if (reason === 'STOP') return 'end';
  if (reason === 'MAX_TOKENS') return 'length';
  return reason !== undefined && refusals.has(reason) ? 'refusal' : 'other';
}
