import { Template } from '@huggingface/jinja';
import { NlaError, type ChatMessage } from '@nlakit/core';

/** Special tokens that a template may name, as text. */
export interface ChatTemplateTokens {
  readonly bos_token: string;
  readonly eos_token: string;
  readonly pad_token: string;
  readonly unk_token?: string;
}

/**
 * Renders chats with a Jinja template as transformers' `apply_chat_template` does with a generation prompt (blocks trimmed, special tokens
 * by name, `raise_exception`). The text begins with BOS, also where a template leaves that to the tokenizer. The template is read on first
 * use: a model whose template this cannot read still takes raw prompts.
 *
 * The function throws `E_CHAT_TEMPLATE` if the template cannot be read or refuses the chat.
 */
export function chatTemplate(source: string, tokens: ChatTemplateTokens, file: string): (messages: readonly ChatMessage[]) => string {
  let template: Template | undefined;
  return (messages) => {
    let text: string;
    try {
      template ??= new Template(source);
      text = template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        ...tokens,
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new NlaError('E_CHAT_TEMPLATE', {
        message: `The chat template ${template === undefined ? 'cannot be read' : 'refuses the chat'}: ${reason}`,
        file,
        found: messages.map(({ role }) => role).join(', '),
        expected: "roles in the order that the model's template takes",
        fix: 'Take the chat template from the same folder as the weights, or use a raw prompt (prompt_format.av_chat: false).',
        kind: 'input',
        cause,
      });
    }
    return text.startsWith(tokens.bos_token) ? text : tokens.bos_token + text;
  };
}

/** The template of a `tokenizer_config.json`: a text, or a list of named ones of which `default` counts. */
export function templateOfConfig(field: unknown): string | undefined {
  if (typeof field === 'string') return field;
  if (!Array.isArray(field)) return undefined;
  for (const one of field as unknown[]) {
    if (typeof one !== 'object' || one === null || !('name' in one) || !('template' in one)) continue;
    if (one.name === 'default' && typeof one.template === 'string') return one.template;
  }
  return undefined;
}
