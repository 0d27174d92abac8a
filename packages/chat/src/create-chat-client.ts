import { setMaxListeners } from 'node:events';
import { isNlaError, NlaError, type JsonValue, type Logger } from '@nlakit/core';
import { z } from 'zod';
import { openAnswerStore, type StoredAnswer } from './answer-store.js';
import { createBudget } from './budget.js';
import { canonicalRequest, requestKey } from './canonical-request.js';
import { systemClock, type ChatClock } from './chat-clock.js';
import { ChatFailure } from './chat-failure.js';
import { chatOptionsSchema, type ChatOptions } from './chat-options.js';
import { BYTES_PER_TOKEN, type ChatAnswer, type ChatClient, type ChatRequest } from './chat-types.js';
import { dialects } from './dialects/dialects.js';
import { readKey, requestBody, resolveEndpoint } from './endpoint.js';
import { createRequestGate } from './request-gate.js';
import { highestUsage } from './highest-usage.js';
import { requestBytes } from './request-bytes.js';
import { sendOnce } from './send-once.js';

/** What a client works with. */
export interface ChatContext {
  /** Answers are kept here. May be shared by runs, and committed to be replayed. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly fetch?: typeof fetch;
  /** Default: the machine's own. */
  readonly clock?: ChatClock;
}

const firstWaitMilliseconds = 1000;
const longestWaitMilliseconds = 60_000;
/** Who asks for a longer pause is not waited for. */
const longestRetryAfterMilliseconds = 600_000;

/**
 * A client for one model. Answers are kept by the sha256 of their request; equal requests under way are asked once. Passing faults (408,
 * 409, 425, 429, 5xx, lost connections, answers that are none) are tried again after growing, partly random waits or what the endpoint
 * asks for. Keys come from the environment when the first request is sent, and go nowhere but into its header.
 *
 * Throws `E_CHAT_OPTIONS` and `E_CHAT_URL`. `complete` throws `E_CHAT_REQUEST`, `E_CHAT_CACHE` (replayed only), `E_CHAT_NOT_RECORDED`,
 * `E_CHAT_BUDGET`, `E_CHAT_KEY`, `E_CHAT_QUOTA`, `E_CHAT_FORBIDDEN`, `E_CHAT_MODEL`, `E_CHAT_REFUSED`, `E_CHAT_RATE_LIMIT`,
 * `E_CHAT_RESPONSE`, `E_CHAT_UNREACHABLE`, `E_WRITE`, and the signal's reason.
 */
export function createChatClient(given: ChatOptions, context: ChatContext): ChatClient {
  const options = checkOptions(given);
  const { signal, log, clock = systemClock } = context;
  // Everybody who waits listens; Node warns of more than ten.
  setMaxListeners(0, signal);
  const dialect = dialects[options.dialect];
  const endpoint = resolveEndpoint(options, dialect);
  const store = openAnswerStore(context.cacheFolder);
  const gate = createRequestGate({ concurrency: options.concurrency ?? 8, requestsPerMinute: options.requestsPerMinute }, clock, signal);
  const budget = createBudget(options.maxCost, signal);
  const underWay = new Map<string, Promise<StoredAnswer>>();
  const totals = { inputTokens: 0, outputTokens: 0, requests: 0, cached: 0, retried: 0, lost: 0 };
  const told = new Set<string>();

  const warnOnce = (message: string): void => {
    if (told.has(message)) return;
    told.add(message);
    log.warn(message);
  };
  const costOf = (inputTokens: number, outputTokens: number): number => {
    const { inputPerMillion, outputPerMillion } = options.prices ?? { inputPerMillion: 0, outputPerMillion: 0 };
    return (inputTokens * inputPerMillion + outputTokens * outputPerMillion) / 1e6;
  };
  const highestCost = (request: ChatRequest): number => {
    const { inputTokens, outputTokens } = highestUsage(options, dialect, endpoint, request);
    return costOf(inputTokens, outputTokens);
  };

  const answerOf = (answer: StoredAnswer, key: string, cached: boolean): ChatAnswer => ({
    text: answer.text,
    stop: answer.stop,
    usage: {
      inputTokens: answer.inputTokens,
      outputTokens: answer.outputTokens,
      cost: costOf(answer.inputTokens, answer.outputTokens),
    },
    model: answer.model,
    cached,
    key,
  });

  const fromStore = async (key: string): Promise<StoredAnswer | undefined> => {
    try {
      return await store.read(key);
    } catch (error) {
      if (options.replayOnly === true || !isNlaError(error)) throw error;
      log.warn(error.message);
      return undefined;
    }
  };

  const attempt = async (request: ChatRequest, key: string | undefined): Promise<StoredAnswer> => {
    const reservation = await budget.reserve(highestCost(request));
    let answer: StoredAnswer | undefined;
    let lost = false;
    try {
      await gate.pass();
      // Until it is known to have failed otherwise: whoever aborts does not learn whether an answer was made.
      lost = true;
      const parsed = await sendOnce({
        subject: { endpoint, model: options.model, key },
        headers: dialect.headers(key),
        body: JSON.stringify(requestBody(options, dialect, endpoint, request)),
        parse: (json) => dialect.parse(json),
        fetch: context.fetch ?? fetch,
        timeoutMilliseconds: 1000 * (options.timeoutSeconds ?? 120),
        signal,
      });
      if (parsed.inputTokens === undefined) warnOnce(`${endpoint.host} does not say how many tokens it took: they are estimated.`);
      answer = {
        text: parsed.text,
        stop: parsed.stop,
        model: parsed.model ?? options.model,
        inputTokens: parsed.inputTokens ?? estimateTokens(requestBytes(request)),
        outputTokens: parsed.outputTokens ?? estimateTokens(Buffer.byteLength(parsed.text)),
      };
      lost = false;
      return answer;
    } catch (error) {
      if (error instanceof ChatFailure) lost = error.lost;
      throw error;
    } finally {
      if (lost) {
        totals.lost += 1;
        reservation.lose();
      } else reservation.settle(answer === undefined ? 0 : costOf(answer.inputTokens, answer.outputTokens));
    }
  };

  const ask = async (request: ChatRequest): Promise<StoredAnswer> => {
    const key = readKey(options, dialect, endpoint);
    if (options.prices === undefined) warnOnce(`No prices are configured for ${options.model}: what it costs is not known.`);
    for (let failures = 0; ;) {
      try {
        return await attempt(request, key);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ChatFailure)) throw error;
        failures += 1;
        const asked = error.waitMilliseconds ?? 0;
        if (!error.transient || failures > (options.retries ?? 6) || asked > longestRetryAfterMilliseconds) throw error.error;
        totals.retried += 1;
        log.debug(`Attempt ${failures} failed: ${error.message}`);
        if (asked > 0) gate.pause(asked);
        const backOff = Math.min(longestWaitMilliseconds, firstWaitMilliseconds * 2 ** (failures - 1));
        await clock.sleep(Math.max(asked, backOff * (1 - clock.random() / 2)), signal);
      }
    }
  };

  const askAndKeep = async (request: ChatRequest, canonical: JsonValue, key: string): Promise<StoredAnswer> => {
    const answer = await gate.hold(() => ask(request));
    totals.requests += 1;
    totals.inputTokens += answer.inputTokens;
    totals.outputTokens += answer.outputTokens;
    await store.write(key, canonical, answer);
    return answer;
  };

  return {
    async complete(request) {
      signal.throwIfAborted();
      const canonical = canonicalRequest(options, request);
      const key = requestKey(canonical);
      const shared = underWay.get(key);
      if (shared !== undefined) {
        const answer = await shared;
        totals.cached += 1;
        return answerOf(answer, key, true);
      }
      // Entered before anything is awaited, so that an equal request cannot slip in between.
      let cached = true;
      const work = fromStore(key).then((stored) => {
        signal.throwIfAborted();
        if (stored !== undefined) return stored;
        if (options.replayOnly === true) throw notRecorded(key, store.folder);
        cached = false;
        return askAndKeep(request, canonical, key);
      });
      underWay.set(key, work);
      try {
        const answer = await work;
        if (cached) totals.cached += 1;
        return answerOf(answer, key, cached);
      } finally {
        underWay.delete(key);
      }
    },
    spent: () => ({ ...totals, cost: budget.spent(), lostCostAtMost: budget.lost() }),
    estimate(requests) {
      const seen = new Set<string>();
      const found = { requests: 0, cached: 0, inputTokens: 0, outputTokensAtMost: 0, costAtMost: 0 };
      for (const request of requests) {
        const key = requestKey(canonicalRequest(options, request));
        found.requests += 1;
        if (seen.has(key) || store.has(key)) found.cached += 1;
        else {
          found.inputTokens += estimateTokens(requestBytes(request));
          found.outputTokensAtMost += highestUsage(options, dialect, endpoint, request).outputTokens;
          found.costAtMost += highestCost(request);
        }
        seen.add(key);
      }
      return { ...found, costEstimated: costOf(found.inputTokens, found.outputTokensAtMost), priced: options.prices !== undefined };
    },
    identity: () => ({
      dialect: options.dialect,
      model: options.model,
      host: endpoint.host,
      ...(options.body === undefined ? {} : { body: options.body }),
    }),
  };
}

function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

function checkOptions(given: ChatOptions): ChatOptions {
  const parsed = chatOptionsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new NlaError('E_CHAT_OPTIONS', {
    message: 'The options of the chat model are wrong.',
    found: z.prettifyError(parsed.error),
    fix: 'Correct them in the config.',
    kind: 'input',
  });
}

function notRecorded(key: string, folder: string): NlaError {
  return new NlaError('E_CHAT_NOT_RECORDED', {
    message: 'An answer is needed that was not recorded.',
    found: `no answer to request ${key}`,
    expected: `a file of that name below ${folder}`,
    fix: 'Replay with the options, the prompts and the data that the answers were recorded with, or ask the model (`replayOnly: false`).',
    kind: 'input',
  });
}
