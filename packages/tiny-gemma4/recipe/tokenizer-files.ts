import type { Merge } from './train-byte-pairs.js';
import { addedId, addedTokens, bosId, byteId, mergeId, specialTokens } from './vocabulary.js';

/** The printable character that stands for a byte in a byte-level vocabulary: bytes that print stand for themselves, others move up from U+0100. */
function byteCharacters(): string[] {
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 0x100 + moved++));
}

/** Spelling of every learned symbol (bytes, then merges) in a byte-level vocabulary. */
function symbolSpellings(merges: readonly Merge[]): string[] {
  const spellings = byteCharacters();
  for (const [left, right] of merges) spellings.push((spellings[left] ?? '') + (spellings[right] ?? ''));
  return spellings;
}

/** `tokenizer.json` of a byte-level BPE vocabulary that puts `<bos>` before every text. */
export function tokenizerJson(merges: readonly Merge[]): object {
  const spellings = symbolSpellings(merges);
  const vocabulary: Record<string, number> = {};
  specialTokens.forEach((token, id) => (vocabulary[token] = id));
  spellings.forEach((spelling, symbol) => (vocabulary[spelling] = symbol < 256 ? byteId(symbol) : mergeId(symbol - 256)));
  const added = (content: string, id: number, special: boolean) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  });
  const bos = { SpecialToken: { id: '<bos>', type_id: 0 } };
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      ...specialTokens.map((token, id) => added(token, id, true)),
      ...addedTokens.map((token) => added(token, addedId(token), false)),
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos, sequence('A', 0)],
      pair: [bos, sequence('A', 0), sequence('B', 1)],
      special_tokens: { '<bos>': { id: '<bos>', ids: [bosId], tokens: ['<bos>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges: merges.map(([left, right]) => `${spellings[left] ?? ''} ${spellings[right] ?? ''}`),
    },
  };
}

/** `tokenizer_config.json` to go with {@link tokenizerJson}. */
export function tokenizerConfig(contextLength: number): object {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: true,
    bos_token: '<bos>',
    eos_token: '<eos>',
    pad_token: '<pad>',
    unk_token: '<unk>',
    clean_up_tokenization_spaces: false,
    model_max_length: contextLength,
  };
}
