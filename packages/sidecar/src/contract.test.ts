import type { NlaContract, Tokenizer } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { arPromptIds, avPromptIds, checkContract, checkCriticLayers, findMarker } from './index.js';

const words = [
  '<pad>',
  '<eos>',
  '<bos>',
  '<unk>',
  '<concept>',
  '</concept>',
  '<text>',
  '</text>',
  '㈎',
  '㊗',
  'a',
  'b',
  ' ',
  '.',
  '<user>',
];

/** Splits by longest vocabulary entry; BOS is 2, the unknown token 3. */
function tokenizer(options: { readonly chat?: boolean; readonly words?: readonly string[] } = {}): Tokenizer {
  const vocabulary = options.words ?? words;
  const byLength = [...vocabulary].sort((first, second) => second.length - first.length);
  const encode = (text: string) => {
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      const match = byLength.find((word) => text.startsWith(word, at));
      ids.push(match === undefined ? 3 : vocabulary.indexOf(match));
      at += match?.length ?? 1;
    }
    return ids;
  };
  return {
    sha256: '0',
    vocabularySize: vocabulary.length,
    bosId: 2,
    eosId: 1,
    padId: 0,
    unkId: 3,
    encode: (text, { special = false } = {}) => Int32Array.from([...(special ? [2] : []), ...encode(text)]),
    decode: (ids) => Array.from(ids, (id) => vocabulary[id] ?? '').join(''),
    idOf: (token) => (vocabulary.includes(token) ? vocabulary.indexOf(token) : undefined),
    tokenOf: (id) => vocabulary[id],
    ...(options.chat === true ? { applyChatTemplate: (messages) => `<bos><user>${messages[0]?.content ?? ''}` } : {}),
  };
}

const contract: NlaContract = {
  baseModel: 'm',
  dModel: 8,
  layer: 1,
  injectionScale: 1,
  mseScale: 1,
  tokens: { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: [7] },
  templates: { av: '<concept>{injection_char}</concept>', ar: '<text>{explanation}</text>', avChat: false },
  perLayerIds: 'marker',
};
const spec = { name: 'm', dModel: 8, layers: 2 };

describe('prompts', () => {
  it('raw AV prompts get BOS, chat prompts hold it already', () => {
    expect(Array.from(avPromptIds(contract, tokenizer()))).toEqual([2, 4, 9, 5]);
    const chat = { ...contract, templates: { ...contract.templates, avChat: true } };
    expect(Array.from(avPromptIds(chat, tokenizer({ chat: true })))).toEqual([2, 14, 4, 9, 5]);
    expect(() => avPromptIds(chat, tokenizer())).toThrow(/no chat template/);
  });

  it('AR prompts are raw with BOS; nothing in an explanation is special to the template', () => {
    expect(Array.from(arPromptIds(contract, tokenizer(), 'a b'))).toEqual([2, 6, 10, 12, 11, 7]);
    expect(tokenizer().decode(arPromptIds(contract, tokenizer(), '$& a'))).toContain(' a</text>');
  });

  it('two BOS are an error', () => {
    const doubled = { ...contract, templates: { ...contract.templates, av: `<bos>${contract.templates.av}`, ar: '<bos>{explanation}' } };
    expect(() => avPromptIds(doubled, tokenizer())).toThrow(/two BOS/);
    expect(() => arPromptIds(doubled, tokenizer(), 'a')).toThrow(/two BOS/);
  });
});

describe('checkContract', () => {
  it('passes what fits', () => {
    expect(() => checkContract(contract, tokenizer(), spec)).not.toThrow();
  });

  const tokens = contract.tokens;
  it.each<[string, string, NlaContract]>([
    ['a wrong marker id', 'E_CONTRACT_MARKER', { ...contract, tokens: { ...tokens, injectionTokenId: 8 } }],
    ['a marker of two tokens', 'E_CONTRACT_MARKER', { ...contract, tokens: { ...tokens, injectionChar: 'ab' } }],
    ['an unknown marker', 'E_CONTRACT_MARKER', { ...contract, tokens: { ...tokens, injectionChar: '㊙', injectionTokenId: 3 } }],
    ['a wrong left neighbour', 'E_CONTRACT_SLOT', { ...contract, tokens: { ...tokens, leftNeighborId: 6 } }],
    ['a wrong right neighbour', 'E_CONTRACT_SLOT', { ...contract, tokens: { ...tokens, rightNeighborId: 6 } }],
    [
      'a marker twice',
      'E_CONTRACT_SLOT',
      { ...contract, templates: { ...contract.templates, av: '㊗<concept>{injection_char}</concept>' } },
    ],
    ['a marker at the edge', 'E_CONTRACT_SLOT', { ...contract, templates: { ...contract.templates, av: '<concept>{injection_char}' } }],
    ['another width', 'E_CONTRACT_MODEL', { ...contract, dModel: 16 }],
    ['a layer that is not there', 'E_CONTRACT_MODEL', { ...contract, layer: 2 }],
    ['another suffix', 'E_CONTRACT_SUFFIX', { ...contract, tokens: { ...tokens, criticSuffixIds: [6] } }],
  ])('%s is %s', (_, code, wrong) => {
    expect(() => checkContract(wrong, tokenizer(), spec)).toThrow(expect.objectContaining({ code }));
  });
});

it('a reconstructor of its own weights ends with block K', () => {
  expect(() => checkCriticLayers({ layer: 20 }, 21)).not.toThrow();
  for (const layers of [20, 22, 28]) {
    expect(() => checkCriticLayers({ layer: 20 }, layers)).toThrow(expect.objectContaining({ code: 'E_CONTRACT_LAYERS' }));
  }
});

describe('findMarker', () => {
  it('takes the first single-token character', () => {
    expect(findMarker(tokenizer())).toEqual({ char: '㈎', id: 8 });
  });
  it('says when there is none', () => {
    expect(() => findMarker(tokenizer({ words: words.slice(0, 8) }))).toThrow(/single token/);
  });
});
