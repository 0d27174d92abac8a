import { NlaError } from '@nlakit/core';
import type { PerLayerIds, Scale } from '@nlakit/core';
import { parseScale } from './scale.js';
import type { SidecarNode } from './sidecar-node.js';
import { checkTemplates } from './templates.js';
import type { JsonObject, SidecarTemplates, SidecarTokens } from './types.js';

/** Reads the `tokens` block. */
export function readTokens(node: SidecarNode): SidecarTokens {
  return {
    injectionChar: node.get('injection_char').optional((value) => value.text()),
    injectionTokenId: node.get('injection_token_id').integer(0),
    leftNeighborId: node.get('injection_left_neighbor_id').integer(0),
    rightNeighborId: node.get('injection_right_neighbor_id').integer(0),
    criticSuffixIds: node.get('critic_suffix_ids').optional((value) => value.items().map((item) => item.integer(0))),
  };
}

/** Reads `prompt_templates` in either spelling, checked for their placeholders. */
export function readTemplates(root: SidecarNode, avChatDefault: boolean): SidecarTemplates {
  const node = root.get('prompt_templates');
  const either = (first: string, second: string) => (node.get(first).present ? node.get(first) : node.get(second));
  const templates = {
    av: either('av', 'actor').optional((value) => value.text()),
    ar: either('ar', 'critic').optional((value) => value.text()),
    avChat:
      root
        .get('prompt_format')
        .get('av_chat')
        .optional((value) => value.boolean()) ?? avChatDefault,
  };
  node.placed(() => checkTemplates(templates));
  checkSpecialTokens(root);
  return templates;
}

/** EasyNLA builds AR prompts without BOS on every model; weights trained so cannot be used as if they had seen one. */
function checkSpecialTokens(root: SidecarNode): void {
  const node = root.get('prompt_format').get('ar_add_special_tokens');
  if (node.optional((value) => value.boolean()) !== false) return;
  throw new NlaError('E_SIDECAR_SPECIALS', {
    ...node.wrong('true').details,
    message: 'The AR prompts were built without special tokens (BOS), as EasyNLA does; nlakit builds them with.',
    fix: 'Train the AR again with special tokens; on a model without BOS set ar_add_special_tokens to true: nothing changes there.',
  });
}

/** Reads a scale; one that is not stated is `absent`. */
export function readScale(node: SidecarNode, dModel: number, absent: Scale): Scale {
  if (!node.stated) return absent;
  return node.placed(() => parseScale(node.json(), dModel));
}

/** Reads `ple_mode`; absent is `marker`, which is what an embedding hook without further measures does. */
export function readPerLayerIds(node: SidecarNode): PerLayerIds {
  return node.optional((value) => value.oneOf(['marker', 'pad'])) ?? 'marker';
}

export function readTexts(node: SidecarNode): readonly string[] {
  return node.optional((value) => value.items().map((item) => item.text())) ?? [];
}

/** Reads a mapping of file names to sha256 sums. */
export function readHashes(node: SidecarNode): Readonly<Record<string, string>> | null {
  return node.optional((value) =>
    Object.fromEntries(
      value.keys().map((name) => {
        const sum = value.get(name);
        const text = sum.text();
        if (!/^[0-9a-f]{64}$/.test(text)) throw sum.wrong('a sha256 in hexadecimal');
        return [name, text] as const;
      }),
    ),
  );
}

/** Everything at the top level that the schema does not name. */
export function readExtensions(root: SidecarNode, known: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(
    root
      .keys()
      .filter((key) => !known.has(key))
      .map((key) => [key, root.get(key).json()] as const),
  );
}

/** Reads `schema_version`; versions above `latest` are `E_SIDECAR_VERSION`. */
export function readSchemaVersion(root: SidecarNode, latest: number): number | null {
  const node = root.get('schema_version');
  const version = node.optional((value) => value.integer(1));
  if (version !== null && version > latest) {
    const error = node.wrong(`at most ${latest}`);
    throw new NlaError('E_SIDECAR_VERSION', { ...error.details, fix: 'Use a newer nlakit.' });
  }
  return version;
}
