import path from 'node:path';
import {
  BYTES_PER_TOKEN,
  createChatClient,
  mapConcurrently,
  type ChatClient,
  type ChatContext,
  type ChatOptions,
  type ChatRequest,
} from '@nlakit/chat';
import { isNlaError, type Label, type LabelContext, type LabelEstimate, type Labeler, type LabelItem, type Warning } from '@nlakit/core';
import { auditRequest, labelRequest, labelText, type LabelClients, type LabelMethod } from './label-text.js';
import type { ChatLabelerOptions } from './options.js';
import { parseFeatures } from './parse-features.js';
import type { LabelPrompts } from './read-prompts.js';

/** Changes when the same answers are to give other labels. */
const procedure = 1;

/** Failures that are of one text, or pass: its row is dropped, unless they go on and on. */
const dropping = new Set(['E_CHAT_RESPONSE', 'E_CHAT_RATE_LIMIT', 'E_CHAT_UNREACHABLE', 'E_CHAT_REFUSED']);

/** Where relative paths start, and what tests replace. */
export interface ChatLabelerContext extends Pick<ChatContext, 'fetch' | 'clock'> {
  readonly baseFolder: string;
}

/**
 * Labels by a chat model: one pass, or a labeller and an auditor. Answers are kept, so a job that was stopped asks only for what is missing;
 * equal texts share an answer. A text whose answers cannot be used, that is refused, or whose retries are exhausted, is dropped with that
 * reason; after `giveUpAfter` of the latter in a row the endpoint's error is thrown. `maxCost` holds for everything one labeler asks.
 */
export function createChatLabeler(options: ChatLabelerOptions, prompts: LabelPrompts, where: ChatLabelerContext): Labeler {
  const audit = typeof options.audit === 'object' ? options.audit : { temperature: 0, maxTokens: 500 };
  const auditChat = ('chat' in audit ? audit.chat : undefined) ?? options.chat;
  const method: LabelMethod = {
    prompts,
    maxTokens: options.maxTokens,
    temperature: options.temperature,
    auditMaxTokens: audit.maxTokens,
    auditTemperature: audit.temperature,
    minFeatures: options.minFeatures,
    tries: options.tries,
  };
  const clientsFor = openClients(options, auditChat, where);
  let failedInARow = 0;

  const labelOne = async (item: LabelItem, clients: LabelClients): Promise<Label> => {
    const { id } = item;
    try {
      const outcome = await labelText(item, method, clients);
      failedInARow = 0;
      if ('reason' in outcome) return { id, explanation: null, reason: outcome.reason };
      return { id, explanation: outcome.explanation, labeler: labelerName(options, auditChat, prompts) };
    } catch (error) {
      if (!isNlaError(error) || !dropping.has(error.code)) throw error;
      failedInARow += 1;
      if (failedInARow >= options.giveUpAfter) throw error;
      return { id, explanation: null, reason: `${error.code}: ${error.details.found ?? error.details.message}` };
    }
  };

  return {
    name: 'chat',
    describe: () => ({
      method: 'chat',
      procedure,
      ...modelOf(options.chat),
      promptSha256: prompts.label.sha256,
      maxTokens: options.maxTokens,
      temperature: options.temperature,
      minFeatures: options.minFeatures,
      tries: options.tries,
      ...(prompts.audit === undefined
        ? {}
        : {
            audit: {
              ...modelOf(auditChat),
              promptSha256: prompts.audit.sha256,
              maxTokens: audit.maxTokens,
              temperature: audit.temperature,
            },
          }),
    }),
    async label(items, context) {
      context.signal.throwIfAborted();
      const clients = clientsFor(context);
      const labels = await mapConcurrently(items, options.chat.concurrency ?? 8, (item) => labelOne(item, clients));
      clients.tell(context);
      return labels;
    },
    estimate: (items, context) => estimate(items, context, method, clientsFor(context), options),
  };
}

/** What labels depend on of a model: neither address nor key. */
function modelOf({ dialect, model, body }: ChatOptions) {
  return { dialect, model, ...(body === undefined ? {} : { body }) };
}

function labelerName({ chat }: ChatLabelerOptions, auditChat: ChatOptions, { audit }: LabelPrompts): string {
  return audit === undefined ? chat.model : `${chat.model}, audited by ${auditChat.model}`;
}

interface OpenClients {
  readonly label: ChatClient;
  readonly audit: ChatClient;
  /** Answers that are there already; asks nobody. */
  readonly recorded: ChatClient;
  /** Says what has been spent, if anything was since it was last said. */
  tell(context: Pick<LabelContext, 'log'>): void;
}

/** One client for each model as long as signal and folder stay the same; another one goes on with what is left of the cap. */
function openClients(
  options: ChatLabelerOptions,
  auditChat: ChatOptions,
  where: ChatLabelerContext,
): (context: LabelContext) => OpenClients {
  let open: { readonly context: LabelContext; readonly clients: OpenClients } | undefined;
  let spent = new Map<ChatOptions, number>();
  return (context) => {
    const cacheFolder = options.answers === undefined ? context.cacheFolder : path.resolve(where.baseFolder, options.answers);
    if (open?.context.signal === context.signal && open.context.cacheFolder === context.cacheFolder) return open.clients;
    if (open !== undefined) {
      const before = open.clients;
      spent = new Map(
        [options.chat, auditChat].map((chat) => [
          chat,
          (spent.get(chat) ?? 0) + spentBy(chat === options.chat ? before.label : before.audit),
        ]),
      );
    }
    const connect = (chat: ChatOptions): ChatClient =>
      createChatClient(chat.maxCost === undefined ? chat : { ...chat, maxCost: Math.max(0, chat.maxCost - (spent.get(chat) ?? 0)) }, {
        ...where,
        cacheFolder,
        signal: context.signal,
        log: context.log,
      });
    const label = connect(options.chat);
    const audit = auditChat === options.chat ? label : connect(auditChat);
    const clients = {
      label,
      audit,
      recorded: connect({ ...options.chat, replayOnly: true }),
      tell: spendingTeller(label === audit ? [label] : [label, audit]),
    };
    open = { context, clients };
    return clients;
  };
}

function spentBy(client: ChatClient): number {
  const { cost, lostCostAtMost } = client.spent();
  return cost + lostCostAtMost;
}

function spendingTeller(clients: readonly ChatClient[]): OpenClients['tell'] {
  let told = 0;
  return ({ log }) => {
    const all = clients.map((client) => client.spent());
    const sum = (name: 'requests' | 'inputTokens' | 'outputTokens' | 'cost' | 'lostCostAtMost'): number =>
      all.reduce((total, one) => total + one[name], 0);
    if (sum('requests') === told) return;
    told = sum('requests');
    const lost = sum('lostCostAtMost') > 0 ? `, and up to $${sum('lostCostAtMost').toFixed(4)} for answers that were lost` : '';
    log.info(
      `Labelling: ${told} answers so far, ${sum('inputTokens')} tokens in and ${sum('outputTokens')} out, $${sum('cost').toFixed(4)}${lost}.`,
    );
  };
}

async function estimate(
  items: readonly LabelItem[],
  { signal }: LabelContext,
  method: LabelMethod,
  clients: OpenClients,
  { chat }: ChatLabelerOptions,
): Promise<LabelEstimate> {
  const first = clients.label.estimate(items.map((item) => labelRequest(item, method, 0)));
  const audits: ChatRequest[] = [];
  if (method.prompts.audit !== undefined) {
    // What is not written yet is taken to be as long as it may be.
    const unwritten = 'x'.repeat(method.maxTokens * BYTES_PER_TOKEN);
    for (const item of items) {
      signal.throwIfAborted();
      const explanation = await recordedExplanation(item, method, clients.recorded);
      audits.push(auditRequest(item, explanation ?? unwritten, method, 0));
    }
  }
  const second = clients.audit.estimate(audits);
  const figures = {
    requests: first.requests + second.requests,
    cached: first.cached + second.cached,
    inputTokens: first.inputTokens + second.inputTokens,
    outputTokensAtMost: first.outputTokensAtMost + second.outputTokensAtMost,
    ...(first.priced && (second.priced || audits.length === 0) ? { cost: first.costEstimated + second.costEstimated } : {}),
  };
  return { figures, warnings: estimateWarnings(figures.cost, chat.maxCost) };
}

function estimateWarnings(cost: number | undefined, maxCost: number | undefined): Warning[] {
  if (cost === undefined) {
    return [{ code: 'W_LABEL_PRICES', message: 'What the labels cost is not known: no prices are configured (`prices`).' }];
  }
  if (maxCost === undefined || cost <= maxCost) return [];
  return [{ code: 'W_LABEL_COST', message: `The labels may cost $${cost.toFixed(2)}; \`maxCost\` stops at $${maxCost.toFixed(2)}.` }];
}

/** The description that is there already; nothing where it has to be asked for. */
async function recordedExplanation(item: LabelItem, method: LabelMethod, recorded: ChatClient): Promise<string | undefined> {
  try {
    const { text } = await recorded.complete(labelRequest(item, method, 0));
    const parsed = parseFeatures(text, method.minFeatures);
    return 'reason' in parsed ? undefined : parsed.features.join('\n\n');
  } catch (error) {
    if (isNlaError(error)) return undefined;
    throw error;
  }
}
