import { chatOptionsSchema } from '@nlakit/chat';
import { z } from 'zod';

/** Options of `@nlakit/labeler-chat`. */
export const optionsSchema = z.strictObject({
  /** The model that labels, and how it is spoken to. */
  chat: chatOptionsSchema,
  /** File with the prompt, seen from the config file; one of ours when absent. It has places for `{text}` and, if it likes, `{token}`. */
  prompt: z.string().min(1).optional(),
  /** A second pass: an auditor accepts, edits or rejects each description. `true`: the same model, with our prompt. */
  audit: z
    .union([
      z.boolean(),
      z.strictObject({
        /** The model that audits; the one that labels when absent. */
        chat: chatOptionsSchema.optional(),
        /** File with the prompt, with places for `{text}` and `{explanation}`. */
        prompt: z.string().min(1).optional(),
        temperature: z.number().min(0).max(2).default(0),
        maxTokens: z.number().int().min(1).default(500),
      }),
    ])
    .default(false),
  /** Most tokens of a description, those of hidden reasoning included. */
  maxTokens: z.number().int().min(1).default(300),
  /** Sampling temperature of the descriptions. */
  temperature: z.number().min(0).max(2).default(1),
  /** A description with fewer features is dropped. */
  minFeatures: z.number().int().min(1).default(2),
  /** How often a text is put to the model before it is dropped because no answer can be used. */
  tries: z.number().int().min(1).max(10).default(2),
  /** How many texts in a row may fail for reasons of the endpoint's before the job stops. */
  giveUpAfter: z.number().int().min(1).default(8),
  /** Folder of the answers, seen from the config file; the run's own when absent. Name one to share or to commit them. */
  answers: z.string().min(1).optional(),
});

/** Options after validation. */
export type ChatLabelerOptions = z.output<typeof optionsSchema>;
