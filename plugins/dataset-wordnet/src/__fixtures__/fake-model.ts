import { blockOutput, type ForwardInput, type Model, type Tokenizer } from '@nlakit/core';
import { tf } from '@nlakit/ops';

const special = ['<pad>', '<eos>', '<bos>', '<unk>'];
const tags = ['<concept>', '</concept>', '<explanation>', '</explanation>', '㊗'];
const common = ['the', 'of', 'a', 'or', 'in', 'and', 'to', 'that', 'is', 'by', 'with', 'genus'];

/** `wa`, `wb`, …: names for tokens that many words share. */
const bucketName = (bucket: number): string => `w${String.fromCharCode(97 + Math.floor(bucket / 26), 97 + (bucket % 26))}`;
const buckets = Array.from({ length: 200 }, (_, bucket) => bucketName(bucket));
const vocabulary = [...special, ...tags, ...common.map((word) => `Ġ${word}`), ...buckets.map((name) => `Ġ${name}`), ...buckets];
const ids = new Map(vocabulary.map((token, id) => [token, id]));
const pieces = /<\/?[a-z]+>|㊗| ?[A-Za-z]+| ?[^A-Za-z]/gu;

/** Whole words as tokens; those that are not common share 200 ids, with and without a space before them. */
function fakeTokenizer(): Tokenizer {
  const idOf = (piece: string): number => {
    const spelled = piece.replace(/^ /, 'Ġ');
    const known = ids.get(spelled);
    if (known !== undefined) return known;
    let hash = 7;
    for (const char of spelled) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
    return ids.get((spelled.startsWith('Ġ') ? 'Ġ' : '') + bucketName(hash % buckets.length)) ?? 3;
  };
  return {
    sha256: 'fake',
    vocabularySize: vocabulary.length,
    padId: 0,
    eosId: 1,
    bosId: 2,
    unkId: 3,
    encode: (text, options) => Int32Array.from([...(options?.special === true ? [2] : []), ...(text.match(pieces) ?? []).map(idOf)]),
    decode: (sequence) =>
      Array.from(sequence, (id) => vocabulary[id] ?? '')
        .join('')
        .replaceAll('Ġ', ' '),
    idOf: (token) => ids.get(token),
    tokenOf: (id) => vocabulary[id],
  };
}

export interface FakeModel extends Model {
  /** Every `forward` since the model was made. */
  readonly calls: ForwardInput[];
}

/** Deterministic numbers in [-1, 1): a small linear congruential generator. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2;
  });
}

/** A causal model that remembers with decay: `h[t] = 0.6 h[t-1] + table[token]`; block `l` gives `tanh(h) (l + 1)`, the head is tied. */
export function fakeModel(seed = 7): FakeModel {
  const dModel = 8;
  const layers = 3;
  const table = numbers(vocabulary.length * dModel, seed);
  const calls: ForwardInput[] = [];
  return {
    calls,
    spec: {
      name: 'fake/tiny',
      architecture: 'fake',
      dModel,
      layers,
      vocabularySize: vocabulary.length,
      embeddingScale: 1,
      hookPoints: Array.from({ length: layers }, (_, layer) => blockOutput(layer)),
      linears: new Map(),
      parameters: table.length,
      config: {},
    },
    tokenizer: fakeTokenizer(),
    head: {
      logits: (rows) => tf.tidy(() => tf.matMul(rows, tf.tensor2d(table, [vocabulary.length, dModel]), false, true)),
      crossEntropy: () => {
        throw new Error('unused');
      },
    },
    adapt: () => undefined,
    forward(input) {
      calls.push(input);
      const { batch, length, tokens } = input;
      const state = new Float32Array(batch * length * dModel);
      for (let at = 0; at < state.length; at += 1) {
        const place = Math.floor(at / dModel);
        const before = place % length === 0 ? 0 : (state[at - dModel] ?? 0);
        state[at] = 0.6 * before + (table[(tokens[place] ?? 0) * dModel + (at % dModel)] ?? 0);
      }
      const output = (layer: number) => tf.tensor3d(state.map(Math.tanh).map((value) => value * (layer + 1)), [batch, length, dModel]);
      const wanted = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => input.capture?.includes(blockOutput(layer)));
      return {
        hidden: Object.fromEntries(wanted.map((layer) => [blockOutput(layer), output(layer)])),
        ...((input.final ?? input.stopAfterBlock === undefined) ? { final: tf.tensor3d(state, [batch, length, dModel]) } : {}),
      };
    },
    segments: () => [],
    generate: () => {
      throw new Error('unused');
    },
    embed: (ids) => Promise.resolve(Float32Array.from([...ids].flatMap((id) => [...table.subarray(id * dModel, (id + 1) * dModel)]))),
    dispose: () => undefined,
  };
}
