import '@tensorflow/tfjs-backend-cpu';
import { tf } from '@nlakit/ops';
import type { GenerateInput, GenerateStep, Model } from '@nlakit/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { fakeContract, fakeInjector, fakeRows } from './__fixtures__/fake-stage.js';
import { avPrompt } from './av-prompt.js';
import { cosineTo } from './cosine-to.js';
import { reconstructWith } from './reconstructor.js';
import { explainWith, type VerbalizerParts } from './verbalizer.js';
import { withAdapter } from './with-adapter.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const vectors = fakeRows(6).map(({ vector }) => vector);

function partsWith(model: Model, contract = fakeContract): VerbalizerParts {
  return { contract, prompt: avPrompt(contract, model.tokenizer), adapter: null, model, injector: fakeInjector() };
}

/** A model that emits given texts, honouring stop and forbidden ids, and remembers what it was asked. */
function scripted(texts: readonly string[], asked: GenerateInput[] = []): Model {
  const model = fakeModel();
  const scripts = texts.map((text) => [...model.tokenizer.encode(text)]);
  return {
    ...model,
    async *generate(input: GenerateInput): AsyncIterable<GenerateStep> {
      asked.push(input);
      const skip = (input.prompts[0]?.length ?? 4) - 4;
      const ended = input.prompts.map(() => false);
      for (let index = 0; index < input.maxNewTokens && ended.includes(false); index++) {
        await Promise.resolve();
        const ids = input.prompts.map((_, place) => {
          if (ended[place] === true) return -1;
          const rest = (scripts[place] ?? []).slice(skip).filter((id) => input.forbiddenIds?.includes(id) !== true);
          const id = rest[index] ?? 1;
          ended[place] = input.stopIds.includes(id);
          return id;
        });
        yield { index, ids: Int32Array.from(ids) };
      }
    },
  };
}

describe('explain', () => {
  it('gives text, explanation and tokens, and ends at the closing tag', async () => {
    const model = scripted(['<explanation> topic </explanation>last', '<explanation>food', '<eos>']);
    const [closed, endless, empty] = await explainWith(partsWith(model), vectors.slice(0, 3), { maxNewTokens: 6 });
    expect(closed).toMatchObject({ text: '<explanation> topic </explanation>', explanation: 'topic', stopped: true });
    expect(endless).toMatchObject({ text: '<explanation>food', explanation: null, stopped: true });
    expect(empty).toMatchObject({ text: '', explanation: null, stopped: true });
    expect([...(empty?.tokens ?? [])]).toEqual([1]);
  });

  it('says that a row ran into the limit', async () => {
    const [row] = await explainWith(partsWith(scripted(['<explanation>topic: food. a'])), vectors.slice(0, 1), { maxNewTokens: 4 });
    expect(row).toMatchObject({ text: '<explanation>topic: food', explanation: null, stopped: false });
  });

  it('forbids tags and marker within an explanation', async () => {
    const asked: GenerateInput[] = [];
    const model = scripted(['<explanation>last<explanation>last<concept>㊗</explanation>'], asked);
    const [row] = await explainWith(partsWith(model), vectors.slice(0, 1), {});
    expect(row?.text).toBe('<explanation>lastlast</explanation>');
    expect(asked.map(({ forbiddenIds }) => [...(forbiddenIds ?? [])].sort((one, other) => one - other))).toEqual([
      [4, 5, 8],
      [4, 5, 6, 8],
    ]);
  });

  it('starts inside the explanation where the prompt has opened it', async () => {
    const contract = { ...fakeContract, templates: { ...fakeContract.templates, av: `${fakeContract.templates.av}<explanation>` } };
    const asked: GenerateInput[] = [];
    const model = scripted(['xfood</explanation>'], asked);
    const [row] = await explainWith(partsWith(model, contract), vectors.slice(0, 1), {});
    expect(row).toMatchObject({ text: 'food</explanation>', explanation: 'food' });
    expect(asked).toHaveLength(1);
  });

  it('finds a closing tag that is spelled in several tokens, and cuts there whatever the batch', async () => {
    const inner = scripted(['<explanation>the</explanation> tail tail', '<explanation>the last of the</explanation>']);
    const hidden = new Set(['<explanation>', '</explanation>']);
    const spelled = (ids: ArrayLike<number>) => inner.tokenizer.decode(ids);
    const tokenizer = {
      ...inner.tokenizer,
      idOf: (token: string) => (hidden.has(token) ? undefined : inner.tokenizer.idOf(token)),
      decode: spelled,
    };
    const rows = await explainWith(partsWith({ ...inner, tokenizer }), vectors.slice(0, 2), { maxNewTokens: 30 });
    expect(rows.map(({ text }) => text)).toEqual(['<explanation>the</explanation>', '<explanation>the last of the</explanation>']);
  });

  it('gives every vector its own explanation in any batch, and puts it at the marker with the contract’s norm', async () => {
    const model = fakeModel();
    const parts = partsWith(model);
    const together = await explainWith(parts, vectors, { maxNewTokens: 5, batch: 6 });
    const apart = await explainWith(parts, vectors, { maxNewTokens: 5, batch: 1 });
    expect(apart).toEqual(together);
    const override = model.calls[0]?.overrides?.[0];
    expect(override?.position).toBe(2);
    expect(Math.hypot(...(override?.vector as Float32Array))).toBeCloseTo(3, 5);
  });

  it('refuses vectors of another width and sampling without randomness', async () => {
    const parts = partsWith(fakeModel());
    await expect(explainWith(parts, [new Float32Array(3)], {})).rejects.toMatchObject({ code: 'E_VECTOR_LENGTH' });
    await expect(explainWith(parts, vectors, { temperature: 1 })).rejects.toMatchObject({ code: 'E_RANDOM_MISSING' });
  });

  it('stops when it is aborted', async () => {
    await expect(explainWith(partsWith(fakeModel()), vectors, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

describe('reconstruct', () => {
  it('keeps the order of the texts, whatever their lengths, batches and outer spaces', async () => {
    const model = fakeModel();
    const head = tf.eye(16);
    const texts = ['topic: food. last: the', '', 'a', '  topic: time\n'];
    const parts = { contract: fakeContract, adapter: null, model, head };
    const all = await reconstructWith(parts, texts, { batch: 3 });
    expect(all).toHaveLength(4);
    for (const [index, text] of texts.entries()) {
      const [alone] = await reconstructWith(parts, [text.trim()], {});
      alone?.forEach((value, at) => expect(all[index]?.[at]).toBeCloseTo(value, 5));
    }
    expect(model.calls.every(({ stopAfterBlock }) => stopAfterBlock === 1)).toBe(true);
  });
});

describe('withAdapter', () => {
  it('takes turns on one model and leaves it bare, after errors too', async () => {
    const model = fakeModel();
    const adapter = { spec: { rank: 1, alpha: 1, dropout: 0, targets: 'x', rankStabilized: false }, pairs: new Map() };
    const log: string[] = [];
    const slow = withAdapter(model, adapter, async () => {
      log.push('first in');
      await new Promise((resolve) => setTimeout(resolve, 20));
      log.push('first out');
    });
    const failing = withAdapter(model, null, () => {
      log.push('second');
      return Promise.reject(new Error('no'));
    });
    await slow;
    await expect(failing).rejects.toThrow('no');
    expect(log).toEqual(['first in', 'first out', 'second']);
    expect(model.adapted).toEqual([adapter, null, null, null]);
  });
});

describe('cosineTo', () => {
  it('compares directions', () => {
    expect(cosineTo(Float32Array.from([1, 0]), Float32Array.from([5, 5]))).toBeCloseTo(Math.SQRT1_2, 6);
    expect(cosineTo(Float32Array.from([1, 0]), Float32Array.from([0, 0]))).toBe(0);
    expect(() => cosineTo(new Float32Array(2), new Float32Array(3))).toThrow(/length/);
  });
});
