import { z } from 'zod';

/** Options of a client; plugins embed this schema in theirs. */
export const chatOptionsSchema = z
  .strictObject({
    /** How the endpoint is spoken to: OpenAI-compatible `/chat/completions`, Anthropic `/v1/messages`, Gemini `:generateContent`. */
    dialect: z.enum(['openai', 'anthropic', 'gemini']),
    model: z.string().min(1),
    /** Address of the endpoint; that of the dialect's own provider when absent. `http:` only on this machine, unless `allowHttp`. */
    baseUrl: z.string().min(1).optional(),
    /** Permits `http:` to other machines: what is sent can be read on the way, the key too. */
    allowHttp: z.boolean().optional(),
    /**
     * Environment variable that holds the key. Default for the provider's own address: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`,
     * `GEMINI_API_KEY`. With a `baseUrl` no key is sent unless this names one.
     */
    apiKeyEnv: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable is expected, not a key')
      .optional(),
    /** US dollars per million tokens. None is built in: prices change. */
    prices: z.strictObject({ inputPerMillion: z.number().min(0), outputPerMillion: z.number().min(0) }).optional(),
    /** US dollars that this client may spend; needs `prices`. Checked before each request with what is under way at its highest. */
    maxCost: z.number().min(0).optional(),
    /** Requests under way at a time. Default 8. */
    concurrency: z.number().int().min(1).max(1000).optional(),
    /** Attempts per minute at most, spread evenly. Default: no limit. */
    requestsPerMinute: z.number().positive().optional(),
    /** Further attempts after passing faults. Default 6. */
    retries: z.number().int().min(0).max(100).optional(),
    /** Seconds until an attempt without answer is given up. Default 120. */
    timeoutSeconds: z.number().positive().max(3600).optional(),
    /** Answers come from the cache and from nowhere else. */
    replayOnly: z.boolean().optional(),
    /** Further fields of the request's body, as the dialect has them; null takes a field out: `{ temperature: null }`. Part of the cache key. */
    body: z.record(z.string(), z.json()).optional(),
  })
  .refine((options) => options.maxCost === undefined || options.prices !== undefined, {
    message: 'maxCost needs prices: without them no cost is known',
    path: ['prices'],
  });

/** Options of a client as written. */
export type ChatOptions = z.input<typeof chatOptionsSchema>;
