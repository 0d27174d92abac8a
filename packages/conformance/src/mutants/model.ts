import { finalState, type ForwardInput, type ForwardOutput, type GenerateInput, type Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { mutate, type Mutant } from './mutant.js';
import { withGradient } from './with-gradient.js';

/** Faults of a model. */
export const modelMutants: readonly Mutant<'model'>[] = [
  mutate('is described as another one', 'model: is what it was described as', (loader) => ({
    ...loader,
    describe: async (source) => ({ ...(await loader.describe(source)), parameters: 1 }),
  })),
  ofModel('frees nothing', 'model: dispose frees all it loaded', () => ({ dispose: () => undefined })),
  ofModel('has a tokenizer that loses the last token', 'model: its tokenizer gives back what it was given', ({ tokenizer }) => ({
    tokenizer: { ...tokenizer, encode: (text, options) => tokenizer.encode(text, options).slice(0, -1) },
  })),
  ofModel('leaves a tensor behind', 'model: hands out what was asked for, and keeps no tensor', (model) => ({
    forward: (input) => {
      tf.zeros([2]);
      return model.forward(input);
    },
  })),
  ofModel('hands out states that nobody asked for', 'model: hands out what was asked for, and keeps no tensor', (model) => ({
    forward: (input) =>
      model.forward({ ...input, capture: model.spec.hookPoints.slice(0, (input.stopAfterBlock ?? model.spec.layers - 1) + 1) }),
  })),
  ofModel('takes an unknown hook point for none', 'model: refuses what it does not have', (model) => ({
    forward: (input) => model.forward({ ...input, capture: (input.capture ?? []).filter((name) => model.spec.hookPoints.includes(name)) }),
  })),
  ofModel('takes an override outside of the batch for none', 'model: refuses what it does not have', (model) => ({
    forward: (input) =>
      model.forward({
        ...input,
        overrides: (input.overrides ?? []).filter(({ row, position }) => row < input.batch && position >= 0 && position < input.length),
      }),
  })),
  ofModel('takes an adapter on unknown linears for none', 'model: refuses what it does not have', (model) => ({
    adapt: (adapter) => {
      const known = adapter === null ? [] : [...adapter.pairs].filter(([path]) => model.spec.linears.has(path));
      model.adapt(adapter === null || known.length === 0 ? null : { ...adapter, pairs: new Map(known) });
    },
  })),
  ofModel('forgets overrides in its segments', 'model: segments one after another are the pass, bit for bit', (model) => ({
    segments: ({ overrides: _, ...input }) => model.segments(input),
  })),
  ofModel('differs from its segments in the last bit', 'model: segments one after another are the pass, bit for bit', (model) => ({
    segments: (input) =>
      model.segments(input).map(({ name, run }, at, all) => ({
        name,
        run: (state) => {
          const next = run(state);
          const final = next[finalState];
          return at < all.length - 1 || final === undefined ? next : { ...next, [finalState]: tf.tidy(() => tf.mul(final, 1 + 2 ** -22)) };
        },
      })),
  })),
  ofModel('does not listen while it generates', 'model: stops generating within a step when it is told to', (model) => ({
    generate: ({ signal: _, ...input }) => model.generate(input),
  })),
  ofModel('lets rows see each other', 'model: rows do not see each other', (model) => ({
    forward: (input) => withFinal(model.forward(input), (final) => tf.add(final, tf.mul(tf.mean(final, 0, true), 0.01))),
  })),
  ofModel('lets positions see what comes later', 'model: positions do not see what comes after them', (model) => ({
    forward: (input) => withFinal(model.forward(input), (final) => tf.add(final, tf.mul(tf.mean(final, 1, true), 0.01))),
  })),
  ofModel('reads padding as text', 'model: padding on either side changes nothing', (model) => ({
    forward: ({ mask: _, ...input }) => model.forward(input),
  })),
  ofModel('replaces embeddings before they are scaled', 'model: embeds ids as it embeds tokens', (model) => ({
    forward: (input) => model.forward(withVectors(input, (vector) => vector.map((value) => value * 2))),
  })),
  ofModel('injects one position too late', 'model: an override acts on its row, at its position and behind it', (model) => ({
    forward: (input) =>
      model.forward({
        ...input,
        overrides: (input.overrides ?? []).map((one) => ({ ...one, position: Math.min(one.position + 1, input.length - 1) })),
      }),
  })),
  ofModel('injects into the first row', 'model: an override acts on its row, at its position and behind it', (model) => ({
    forward: (input) => model.forward({ ...input, overrides: (input.overrides ?? []).map((one) => ({ ...one, row: 0 })) }),
  })),
  ofModel('injects nothing', 'model: an override acts on its row, at its position and behind it', (model) => ({
    forward: ({ overrides: _, ...input }) => model.forward(input),
  })),
  ofModel('stops one block too early', 'model: captures the same wherever the pass stops', (model) => ({
    forward: (input) => {
      const { stopAfterBlock = 0, capture = [] } = input;
      const wanted = capture[0];
      if (input.stopAfterBlock === undefined || stopAfterBlock === 0 || wanted === undefined) return model.forward(input);
      const early = model.spec.hookPoints[stopAfterBlock - 1] ?? '';
      const { hidden } = model.forward({ ...input, stopAfterBlock: stopAfterBlock - 1, capture: [early] });
      return { hidden: { [wanted]: hidden[early] as tf.Tensor3D } };
    },
  })),
  ofModel('has a loss that is not that of its logits', 'model: the loss of its head is that of its logits', ({ head }) => ({
    head: { ...head, crossEntropy: (rows, targets) => tf.tidy(() => tf.add<tf.Tensor1D>(head.crossEntropy(rows, targets), 0.01)) },
  })),
  ofModel('forgets vectors in its cache', 'model: generates with its cache what it computes without', (model) => ({
    generate: ({ overrides: _, ...input }) => model.generate(input),
  })),
  ofModel('does not take the likeliest token', 'model: generates with its cache what it computes without', (model) => ({
    generate: (input) => model.generate({ ...input, temperature: 5, random: createSeedStreams(1).stream('mutant') }),
  })),
  ofModel('goes on behind a stop token', 'model: generates within its limits', (model) => ({
    generate: (input) => model.generate({ ...input, stopIds: [] }),
  })),
  ofModel('stops before it may', 'model: generates within its limits', (model) => ({
    generate: ({ minNewTokens: _, ...input }) => model.generate(input),
  })),
  ofModel('emits what is forbidden', 'model: generates within its limits', (model) => ({
    generate: ({ forbiddenIds: _, ...input }) => model.generate(input),
  })),
  ofModel('samples by a stream of its own', 'model: samples by its random stream and nothing else', (model) => {
    let times = 0;
    return { generate: (input: GenerateInput) => model.generate({ ...input, random: createSeedStreams((times += 1)).stream('mutant') }) };
  }),
  ofModel('does not sample', 'model: samples by its random stream and nothing else', (model) => ({
    generate: ({ temperature: _, random: _random, ...input }) => model.generate(input),
  })),
  ofModel('cannot detach an adapter', 'model: attaches, swaps and detaches adapters', (model) => ({
    adapt: (adapter) => {
      if (adapter !== null) model.adapt(adapter);
    },
  })),
  ofModel('keeps the first adapter', 'model: attaches, swaps and detaches adapters', (model) => {
    let first: Parameters<Model['adapt']>[0] = null;
    return {
      adapt: (adapter: Parameters<Model['adapt']>[0]) => {
        first ??= adapter;
        model.adapt(adapter === null ? null : first);
      },
    };
  }),
  ofModel('scales adapters by alpha alone', 'model: scales adapters by alpha and rank', (model) => ({
    adapt: (adapter) => {
      model.adapt(adapter === null ? null : { ...adapter, spec: { ...adapter.spec, rankStabilized: false } });
    },
  })),
  ofModel('never drops out', 'model: drops out of adapters by the random stream, and only where one is given', (model) => ({
    forward: ({ dropout: _, ...input }) => model.forward(input),
  })),
  ofModel('has no gradient in what is injected', 'model: its gradient in an injected vector is that of its loss', (model) => ({
    forward: (input) => model.forward(withVectors(input, (vector) => vector)),
  })),
  ofModel('has half the gradient in adapters', 'model: its gradient in an adapter is that of its loss', (model) => ({
    adapt: (adapter) => {
      if (adapter === null) model.adapt(null);
      else
        model.adapt({ ...adapter, pairs: new Map([...adapter.pairs].map(([path, { a, b }]) => [path, { a, b: withGradient(b, 0.5) }])) });
    },
  })),
  ofModel('goes up its gradient', 'model: learns by its gradient', ({ head }) => ({
    head: { ...head, crossEntropy: (rows, targets) => head.crossEntropy(withGradient(rows, -1), targets) },
  })),
];

function ofModel(name: string, caughtBy: string, change: (model: Model) => Partial<Model>): Mutant<'model'> {
  return mutate(name, caughtBy, (loader) => ({
    ...loader,
    load: async (source) => {
      const model = await loader.load(source);
      return { ...model, ...change(model) };
    },
  }));
}

function withFinal(output: ForwardOutput, change: (final: tf.Tensor3D) => tf.Tensor): ForwardOutput {
  const { final } = output;
  if (final === undefined) return output;
  const changed = tf.tidy(() => change(final) as tf.Tensor3D);
  final.dispose();
  return { ...output, final: changed };
}

/** Overrides with other vectors, taken off the backend. */
function withVectors(input: ForwardInput, change: (vector: Float32Array) => Float32Array): ForwardInput {
  const overrides = (input.overrides ?? []).map((one) => ({
    ...one,
    vector: change(one.vector instanceof Float32Array ? one.vector : (one.vector.dataSync() as Float32Array)),
  }));
  return { ...input, overrides };
}
