/** A `tokenizer.json` of 97 words, to stand beside the tiny weights. */
export function wordTokenizer(): object {
  const words = ['<pad>', '<eos>', '<bos>', '<unk>', ...Array.from({ length: 93 }, (_, index) => `w${index}`)];
  return {
    version: '1.0',
    added_tokens: words.slice(0, 4).map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: '<unk>' },
  };
}
