import { createHash } from 'node:crypto';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { Tokenizer } from '@nlakit/core';
import { tokenizerConfig } from './tokenizer-files.js';
import { bosId, eosId, padId, unkId, vocabularySize } from './vocabulary.js';

/** The tokenizer of a `tokenizer.json` that the recipe made. */
export function recipeTokenizer(json: string, contextLength: number): Tokenizer {
  const inner = new HuggingFaceTokenizer(JSON.parse(json) as object, tokenizerConfig(contextLength));
  return {
    sha256: createHash('sha256').update(json).digest('hex'),
    vocabularySize,
    bosId,
    eosId,
    padId,
    unkId,
    encode: (text, options) => Int32Array.from(inner.encode(text, { add_special_tokens: options?.special ?? false }).ids),
    decode: (ids, options) =>
      ids.length === 0 ? '' : inner.decode(Array.from(ids), { skip_special_tokens: options?.skipSpecial ?? false }),
    idOf: (token) => inner.token_to_id(token),
    tokenOf: (id) => inner.id_to_token(id),
  };
}
