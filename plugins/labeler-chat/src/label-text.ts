import type { ChatAnswer, ChatClient, ChatRequest } from '@nlakit/chat';
import type { LabelItem } from '@nlakit/core';
import type { LabelPrompts } from './read-prompts.js';
import { parseFeatures, type ParsedFeatures } from './parse-features.js';
import { parseVerdict } from './parse-verdict.js';

/** How texts are put to the model, and what is made of its answers. */
export interface LabelMethod {
  readonly prompts: LabelPrompts;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly auditMaxTokens: number;
  readonly auditTemperature: number;
  readonly minFeatures: number;
  readonly tries: number;
}

/** Who is asked. */
export interface LabelClients {
  readonly label: Pick<ChatClient, 'complete'>;
  readonly audit: Pick<ChatClient, 'complete'>;
}

/** What came of a text. */
export type LabelOutcome = { readonly explanation: string; readonly audited?: 'accept' | 'edit' } | { readonly reason: string };

/** The request for a description. A further try is told apart by its seed. */
export function labelRequest({ text, token }: Pick<LabelItem, 'text' | 'token'>, method: LabelMethod, attempt: number): ChatRequest {
  const { prompts, maxTokens, temperature } = method;
  return { ...prompts.label.fill({ text, token }), maxTokens, temperature, ...(attempt === 0 ? {} : { seed: attempt }) };
}

/** The request for a verdict on a description. */
export function auditRequest(
  { text, token }: Pick<LabelItem, 'text' | 'token'>,
  explanation: string,
  { prompts, auditMaxTokens, auditTemperature }: LabelMethod,
  attempt: number,
): ChatRequest {
  const filled = prompts.audit?.fill({ text, token, explanation }) ?? { messages: [] };
  return { ...filled, maxTokens: auditMaxTokens, temperature: auditTemperature, ...(attempt === 0 ? {} : { seed: attempt }) };
}

/**
 * Has a text described and, where there is a prompt for it, the description audited. An answer that cannot be used is asked for again up to
 * `tries` times; a refusal is not. The reason is that of the last try. Throws what the clients throw.
 */
export async function labelText(item: LabelItem, method: LabelMethod, clients: LabelClients): Promise<LabelOutcome> {
  let reason = '';
  for (let attempt = 0; attempt < method.tries; attempt += 1) {
    const answer = await clients.label.complete(labelRequest(item, method, attempt));
    if (answer.stop === 'refusal') return { reason: 'the model refused' };
    const parsed = featuresOf(answer, method.minFeatures);
    if ('reason' in parsed) {
      ({ reason } = parsed);
      continue;
    }
    const explanation = parsed.features.join('\n\n');
    if (method.prompts.audit === undefined) return { explanation };
    const audited = await audit(item, explanation, method, clients, attempt);
    if (!('reason' in audited)) return audited;
    ({ reason } = audited);
  }
  return { reason };
}

async function audit(
  item: LabelItem,
  explanation: string,
  method: LabelMethod,
  clients: LabelClients,
  attempt: number,
): Promise<LabelOutcome> {
  const answer = await clients.audit.complete(auditRequest(item, explanation, method, attempt));
  if (answer.stop === 'refusal') return { reason: 'the auditor refused' };
  const verdict = parseVerdict(answer.text);
  if (verdict === undefined) return { reason: 'the audit gives no verdict' };
  if (verdict.verdict === 'accept') return { explanation, audited: 'accept' };
  if (verdict.verdict === 'reject') return { reason: `rejected: ${verdict.reason}` };
  const edited = featuresOf(answer, method.minFeatures);
  return 'reason' in edited
    ? { reason: `the audit’s edit: ${edited.reason}` }
    : { explanation: edited.features.join('\n\n'), audited: 'edit' };
}

function featuresOf({ text, stop }: ChatAnswer, minFeatures: number): ParsedFeatures {
  const parsed = parseFeatures(text, minFeatures);
  return 'reason' in parsed && stop === 'length' ? { reason: 'the answer was cut at maxTokens' } : parsed;
}
