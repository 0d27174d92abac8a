import { blockOutput, finalState, type ForwardInput, type GenerateInput, type Model, type NamedTensors, type Override } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { check, checkBits, checkNear, checkRefuses, checkSame } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { mulberry32 } from '../mulberry32.js';
import { adapterOn, type TestAdapter } from './model-adapter.js';
import { checkSlope } from './model-slope.js';

/** Tokens a generation goes on for. */
const newTokens = 5;

/**
 * What a model must do: be what it was described as, compute each row and position from what it may see and nothing else, take vectors in
 * the place of embeddings, show what is inside, carry adapters, and give gradients in both.
 */
export function modelCases(): ConformanceCase<'model'>[] {
  return [
    {
      name: 'model: is what it was described as',
      level: 1,
      run: async (subject) => {
        const loader = await subject.shared();
        const described = await loader.describe();
        const { spec, tokenizer } = await modelOf(subject);
        for (const key of [
          'name',
          'architecture',
          'dModel',
          'layers',
          'vocabularySize',
          'embeddingScale',
          'hookPoints',
          'parameters',
        ] as const) {
          checkSame(described[key], spec[key], `describe() and load() tell of another ${key}.`);
        }
        checkSame([...described.linears], [...spec.linears], 'describe() and load() tell of other linears.');
        check(new Set(spec.hookPoints).size === spec.hookPoints.length, 'Two hook points have one name.', spec.hookPoints.join(', '));
        const outputs = Array.from({ length: spec.layers }, (_, layer) => blockOutput(layer));
        const missing = outputs.filter((name) => !spec.hookPoints.includes(name));
        check(missing.length === 0, 'Outputs of blocks are no hook points.', missing.join(', '));
        check(spec.linears.size > 0, 'The model names no linear: nothing can be adapted.');
        check(
          tokenizer.vocabularySize <= spec.vocabularySize,
          'The tokenizer has more tokens than the model.',
          `${tokenizer.vocabularySize}`,
          `${spec.vocabularySize}`,
        );
      },
    },
    {
      name: 'model: dispose frees all it loaded',
      level: 1,
      run: async (subject) => {
        const loader = await subject.shared();
        await modelOf(subject);
        await checkNoLeak('loading and disposing of a model', async () => {
          (await loader.load()).dispose();
        });
      },
    },
    {
      name: 'model: its tokenizer gives back what it was given',
      level: 1,
      run: async (subject) => {
        const { tokenizer, spec } = await modelOf(subject);
        const { text = 'the animal' } = subject.fixtures;
        const ids = tokenizer.encode(text, { special: false });
        check(
          ids.length > 0 && ids.every((id) => id >= 0 && id < spec.vocabularySize),
          'A text is encoded to ids outside of the vocabulary.',
          ids.join(' '),
        );
        check(tokenizer.decode(ids) === text, 'A text comes back as another one.', tokenizer.decode(ids), text);
        const special = tokenizer.encode(text, { special: true });
        check(
          tokenizer.decode(special, { skipSpecial: true }) === text,
          'Special tokens are left in.',
          tokenizer.decode(special, { skipSpecial: true }),
          text,
        );
        check(tokenizer.sha256 !== '', 'The tokenizer has no hash.');
        const token = tokenizer.tokenOf(ids[0] ?? 0);
        check(
          token !== undefined && tokenizer.idOf(token) === ids[0],
          'idOf and tokenOf do not belong together.',
          `${token ?? ''} ${ids[0] ?? ''}`,
        );
      },
    },
    {
      name: 'model: hands out what was asked for, and keeps no tensor',
      level: 1,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const { spec } = model;
        const shape = [input.batch, input.length, spec.dModel];
        const [first = ''] = spec.hookPoints;
        const last = spec.hookPoints.at(-1) ?? '';
        await checkNoLeak('a pass', () => {
          const output = model.forward({ ...input, capture: [first, last] });
          checkSame(output.final?.shape, shape, 'The final state has another shape.');
          checkSame(
            Object.keys(output.hidden).sort(),
            [...new Set([first, last])].sort(),
            'Other hook points are captured than asked for.',
          );
          for (const tensor of Object.values(output.hidden)) checkSame(tensor.shape, shape, 'A captured state has another shape.');
          tf.dispose([output.final, ...Object.values(output.hidden)]);
          const stopped = model.forward({ ...input, stopAfterBlock: 0, capture: [blockOutput(0)] });
          check(stopped.final === undefined, 'A pass that stops after a block computes the final state.');
          tf.dispose(Object.values(stopped.hidden));
          const asked = model.forward({ ...input, final: false });
          check(asked.final === undefined, 'The final state is handed out although it was not wanted.');
          tf.dispose(Object.values(asked.hidden));
        });
        await checkNoLeak('a generation', async () => {
          await idsOf(model, { prompts: promptsOf(input), maxNewTokens: 2, stopIds: [] });
        });
        await checkNoLeak('a look at embeddings', () => model.embed(input.tokens));
      },
    },
    {
      name: 'model: refuses what it does not have',
      level: 1,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const vector = new Float32Array(model.spec.dModel);
        await checkNoLeak('what was refused', async () => {
          for (const [row, position] of [
            [0, input.length],
            [input.batch, 0],
            [0, -1],
          ] as const) {
            await checkRefuses(`An override at row ${row}, position ${position}`, () =>
              model.forward({ ...input, overrides: [{ row, position, vector }] }),
            );
          }
          await checkRefuses('An override of another width', () =>
            model.forward({ ...input, overrides: [{ row: 0, position: 0, vector: new Float32Array(model.spec.dModel + 1) }] }),
          );
          await checkRefuses('An unknown hook point', () => model.forward({ ...input, capture: ['no.such.hook'] }));
          await checkRefuses('A hook point behind the block where the pass stops', () =>
            model.forward({ ...input, stopAfterBlock: 0, capture: [blockOutput(model.spec.layers - 1)] }),
          );
          await checkRefuses('A token that is not in the vocabulary', () =>
            model.forward({ ...input, tokens: input.tokens.map(() => model.spec.vocabularySize) }),
          );
          await checkRefuses('Fewer tokens than rows and positions', () => model.forward({ ...input, tokens: input.tokens.slice(1) }));
        });
        const stray = adapterOn(model, { seed: 1, paths: ['no.such.linear'], shape: [model.spec.dModel, model.spec.dModel] });
        await checkRefuses(
          'An adapter on a linear that is not there',
          () => {
            model.adapt(stray.adapter);
          },
          'E_LORA_TARGET',
        );
        stray.dispose();
      },
    },
    {
      name: 'model: segments one after another are the pass, bit for bit',
      level: 1,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const overrides: Override[] = [{ row: 0, position: 1, vector: someVector(model, 1) }];
        const middle = blockOutput(Math.floor(model.spec.layers / 2));
        for (const extra of [
          { capture: [middle] },
          { overrides },
          { stopAfterBlock: 0, capture: [blockOutput(0)] },
        ] satisfies Partial<ForwardInput>[]) {
          const asked = { ...input, ...extra };
          const output = model.forward(asked);
          const expected: Record<string, tf.Tensor> = {
            ...output.hidden,
            ...(output.final === undefined ? {} : { [finalState]: output.final }),
          };
          await checkNoLeak('the segments', async () => {
            const state = runSegments(model, asked);
            for (const [name, tensor] of Object.entries(expected)) {
              const found = state[name];
              check(found !== undefined, `The last state lacks ${name}.`, Object.keys(state).join(', '));
              checkBits(await found.data(), await tensor.data(), `Segments give another ${name} than the pass.`);
            }
            tf.dispose([...new Set(Object.values(state))]);
          });
          tf.dispose(Object.values(expected));
        }
      },
    },
    {
      name: 'model: stops generating within a step when it is told to',
      level: 1,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const controller = new AbortController();
        let steps = 0;
        await checkNoLeak('a generation that was stopped', async () => {
          try {
            for await (const _ of model.generate({ prompts: promptsOf(input), maxNewTokens: 10, stopIds: [], signal: controller.signal })) {
              steps += 1;
              if (steps === 2) controller.abort();
            }
          } catch {
            // To end with an error is as good as to end.
          }
        });
        check(steps <= 3, 'The generation goes on after it was told to stop.', `${steps - 2} steps`, 'at most 1');
      },
    },
    {
      name: 'model: rows do not see each other',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const together = await finalOf(model, input);
        for (let row = 0; row < input.batch; row += 1) {
          const tokens = input.tokens.slice(row * input.length, (row + 1) * input.length);
          const alone = await finalOf(model, { tokens, batch: 1, length: input.length });
          checkNear(
            together.subarray(row * alone.length, (row + 1) * alone.length),
            alone,
            tolerance,
            `Row ${row} of a batch is another than that row alone.`,
          );
        }
      },
    },
    {
      name: 'model: positions do not see what comes after them',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const { length } = input;
        const tokens = input.tokens.slice(0, length);
        const whole = await finalOf(model, { tokens, batch: 1, length });
        const shorter = await finalOf(model, { tokens: tokens.slice(0, length - 2), batch: 1, length: length - 2 });
        checkNear(
          whole.subarray(0, shorter.length),
          shorter,
          tolerance,
          'The beginning of a text is computed otherwise when more follows.',
        );
      },
    },
    {
      name: 'model: padding on either side changes nothing',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const { length } = input;
        const { dModel } = model.spec;
        const tokens = input.tokens.slice(0, length);
        const bare = await finalOf(model, { tokens, batch: 1, length });
        for (const [left, right] of [
          [3, 0],
          [0, 3],
          [2, 1],
        ] as const) {
          const padded = new Int32Array(length + left + right).fill(model.tokenizer.padId);
          padded.set(tokens, left);
          const mask = new Uint8Array(padded.length);
          mask.fill(1, left, left + length);
          const found = await finalOf(model, { tokens: padded, batch: 1, length: padded.length, mask });
          checkNear(
            found.subarray(left * dModel, (left + length) * dModel),
            bare,
            tolerance,
            `Padding of ${left} on the left and ${right} on the right changes what real tokens give.`,
          );
        }
      },
    },
    {
      name: 'model: embeds ids as it embeds tokens',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const { dModel } = model.spec;
        const values = await model.embed(input.tokens);
        check(
          values.length === input.tokens.length * dModel,
          'embed gives another number of values.',
          `${values.length}`,
          `${input.tokens.length * dModel}`,
        );
        const position = Math.min(2, input.length - 1);
        const vector = values.slice(position * dModel, (position + 1) * dModel);
        const plain = await finalOf(model, input);
        const replaced = await finalOf(model, { ...input, overrides: [{ row: 0, position, vector }] });
        checkNear(
          replaced,
          plain,
          tolerance,
          "A token's own embedding in its place changes the pass: overrides enter elsewhere than embeddings do.",
        );
      },
    },
    {
      name: 'model: an override acts on its row, at its position and behind it',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const { dModel } = model.spec;
        const [row, position] = [input.batch - 1, 2];
        const vector = someVector(model, 2);
        const plain = await finalOf(model, input);
        const changed = await finalOf(model, { ...input, overrides: [{ row, position, vector }] });
        const start = (row * input.length + position) * dModel;
        checkNear(
          changed.subarray(0, start),
          plain.subarray(0, start),
          tolerance,
          'An override changes what comes before it, or another row.',
        );
        for (const at of [position, position + 1]) {
          const place = (row * input.length + at) * dModel;
          const largest = difference(changed.subarray(place, place + dModel), plain.subarray(place, place + dModel));
          check(largest > tolerance, `An override at position ${position} does not change position ${at}.`, largest.toPrecision(2));
        }
        const tensor = tf.tensor1d(vector);
        const withTensor = await finalOf(model, { ...input, overrides: [{ row, position, vector: tensor }] });
        check(!tensor.isDisposed, 'The model disposes of a tensor that is not its own.');
        tensor.dispose();
        checkNear(withTensor, changed, tolerance, 'A vector on the backend has another effect than the same one in memory.');
        // The position is what counts, not the token that stands there.
        const others = input.tokens.slice();
        others[row * input.length + position] = input.tokens[0] ?? 0;
        const elsewhere = await finalOf(model, { ...input, tokens: others, perLayerIds: 'pad', overrides: [{ row, position, vector }] });
        const padded = await finalOf(model, { ...input, perLayerIds: 'pad', overrides: [{ row, position, vector }] });
        checkNear(elsewhere, padded, tolerance, 'The token under an override still has an effect with perLayerIds: pad.');
      },
    },
    {
      name: 'model: captures the same wherever the pass stops',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        for (let layer = 0; layer < model.spec.layers; layer += 1) {
          const hook = blockOutput(layer);
          const whole = await hiddenOf(model, { ...input, capture: [hook] }, hook);
          const stopped = await hiddenOf(model, { ...input, stopAfterBlock: layer, capture: [hook] }, hook);
          checkNear(stopped, whole, tolerance, `${hook} is another when the pass stops there.`);
        }
        const [first, last] = [blockOutput(0), blockOutput(model.spec.layers - 1)];
        if (first === last) return;
        const [one, other] = [
          await hiddenOf(model, { ...input, capture: [first] }, first),
          await hiddenOf(model, { ...input, capture: [last] }, last),
        ];
        check(difference(one, other) > tolerance, 'The first and the last block have the same output.');
      },
    },
    {
      name: 'model: the loss of its head is that of its logits',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const rows = input.batch * input.length;
        await checkNoLeak('the head', async () => {
          const { final } = model.forward(input);
          const hidden = tf.reshape<tf.Rank.R2>(final as tf.Tensor, [rows, model.spec.dModel]);
          const targets = Int32Array.from({ length: rows }, (_, at) => (at * 7 + 3) % model.spec.vocabularySize);
          const [logits, losses] = [model.head.logits(hidden), model.head.crossEntropy(hidden, targets)];
          checkSame([logits.shape, losses.shape], [[rows, model.spec.vocabularySize], [rows]], 'Logits or losses have another shape.');
          const values = (await logits.data()) as Float32Array;
          checkNear(
            await losses.data(),
            crossEntropies(values, targets, model.spec.vocabularySize),
            tolerance,
            'crossEntropy is not that of the logits.',
          );
          tf.dispose([...(final === undefined ? [] : [final]), hidden, logits, losses]);
        });
      },
    },
    {
      name: 'model: generates with its cache what it computes without',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const [first, second] = promptsOf(input);
        // Prompts of different length, and a vector in one of them.
        const prompts = [first ?? new Int32Array(), (second ?? first ?? new Int32Array()).slice(0, -2)];
        const overrides: Override[] = [{ row: 1, position: 1, vector: someVector(model, 3) }];
        const rows = prompts.map((prompt) => [...prompt]);
        for await (const { index, ids, logits = new Float32Array() } of model.generate({
          prompts,
          overrides,
          maxNewTokens: newTokens,
          stopIds: [],
          logits: true,
        })) {
          for (const [row, tokens] of rows.entries()) {
            const expected = await nextLogits(
              model,
              Int32Array.from(tokens),
              overrides.filter((one) => one.row === row).map((one) => ({ ...one, row: 0 })),
            );
            const found = logits.subarray(row * expected.length, (row + 1) * expected.length);
            checkNear(found, expected, 10 * tolerance, `Step ${index} of row ${row} has other logits than the whole text has.`);
            const id = ids[row] ?? -1;
            check(
              (expected[id] ?? -Infinity) >= Math.max(...expected) - 10 * tolerance,
              'Greedy decoding does not take the likeliest token.',
              `${id}`,
              `${expected.indexOf(Math.max(...expected))}`,
            );
            tokens.push(id);
          }
        }
      },
    },
    {
      name: 'model: generates within its limits',
      level: 2,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const prompts = promptsOf(input);
        const free = await idsOf(model, { prompts, maxNewTokens: newTokens, stopIds: [] });
        check(
          free.every((ids) => ids.length === newTokens),
          'maxNewTokens is not the number of new tokens.',
          free.map((ids) => ids.length).join(', '),
          String(newTokens),
        );
        const stop = free[0]?.[0] ?? 0;
        const stopped = await idsOf(model, { prompts, maxNewTokens: newTokens, stopIds: [stop] });
        checkSame(stopped[0], [stop], 'A row does not end with its stop token.');
        const minimum = await idsOf(model, { prompts, maxNewTokens: newTokens, minNewTokens: 3, stopIds: [stop] });
        check(
          (minimum[0]?.length ?? 0) >= 3 && minimum[0]?.slice(0, 2).includes(stop) === false,
          'A row ends before minNewTokens.',
          minimum[0]?.join(' '),
        );
        const forbidden = await idsOf(model, { prompts, maxNewTokens: newTokens, stopIds: [], forbiddenIds: [stop] });
        check(!forbidden.flat().includes(stop), 'A forbidden token is emitted.', String(stop));
      },
    },
    {
      name: 'model: samples by its random stream and nothing else',
      level: 2,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const prompts = promptsOf(input);
        const sample = (seed: number, extra: Partial<GenerateInput> = {}): Promise<number[][]> =>
          idsOf(model, {
            prompts,
            maxNewTokens: 4,
            stopIds: [],
            temperature: 3,
            random: createSeedStreams(seed).stream('sample'),
            ...extra,
          });
        checkSame(await sample(1), await sample(1), 'The same random stream gives other tokens.');
        const different = await Promise.all([sample(2), sample(3), sample(4)]);
        const first = JSON.stringify(await sample(1));
        check(
          different.some((ids) => JSON.stringify(ids) !== first),
          'Every random stream gives the same tokens.',
        );
        checkSame(await sample(5, { topK: 1 }), await idsOf(model, { prompts, maxNewTokens: 4, stopIds: [] }), 'topK 1 is not greedy.');
      },
    },
    {
      name: 'model: attaches, swaps and detaches adapters',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const plain = await finalOf(model, input);
        const adapters = [adapterOn(model, { seed: 1 }), adapterOn(model, { seed: 2 }), adapterOn(model, { seed: 1, zero: true })];
        const outputs: Float32Array[] = [];
        await checkNoLeak('adapters', async () => {
          for (const { adapter } of adapters) {
            model.adapt(adapter);
            outputs.push(await finalOf(model, input));
          }
          model.adapt(adapters[0]?.adapter ?? null);
          checkBits(await finalOf(model, input), outputs[0] ?? [], 'An adapter has another effect when it comes after others.');
          model.adapt(null);
        });
        const [first = plain, second = plain, none = plain] = outputs;
        check(difference(first, plain) > tolerance, 'An adapter changes nothing.');
        check(difference(first, second) > tolerance, 'A second adapter does not take the place of the first.');
        checkNear(none, plain, tolerance, 'An adapter whose B is zero changes something.');
        checkBits(await finalOf(model, input), plain, 'A detached adapter leaves something behind.');
        check(
          adapters.every(({ adapter }) => [...adapter.pairs.values()].every(({ a, b }) => !a.isDisposed && !b.isDisposed)),
          'The model disposes of an adapter, which is not its own.',
        );
        for (const one of adapters) one.dispose();
      },
    },
    {
      name: 'model: scales adapters by alpha and rank',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const outputOf = async (options: Parameters<typeof adapterOn>[1]): Promise<Float32Array> => {
          const { adapter, dispose } = adapterOn(model, options);
          model.adapt(adapter);
          try {
            return await finalOf(model, input);
          } finally {
            model.adapt(null);
            dispose();
          }
        };
        const base = await outputOf({ seed: 1, alpha: 4, rank: 4 });
        checkNear(
          await outputOf({ seed: 1, alpha: 2, rank: 4, factor: 2 }),
          base,
          tolerance,
          'Half the alpha with twice the B is another adapter: the scale is not alpha / rank.',
        );
        checkNear(
          await outputOf({ seed: 1, alpha: 2, rank: 4, rankStabilized: true }),
          base,
          tolerance,
          'alpha 2 at rank 4 is not scaled by 2 / √4 where rankStabilized asks for it.',
        );
      },
    },
    {
      name: 'model: drops out of adapters by the random stream, and only where one is given',
      level: 2,
      run: async (subject) => {
        const { model, input, tolerance } = await passOf(subject);
        const { adapter, dispose } = adapterOn(model, { seed: 1, dropout: 0.5 });
        model.adapt(adapter);
        const withStream = (seed: number): Promise<Float32Array> =>
          finalOf(model, { ...input, dropout: createSeedStreams(seed).stream('dropout') });
        const plain = await finalOf(model, input);
        checkBits(await finalOf(model, input), plain, 'A pass without a random stream is another the second time.');
        const dropped = await withStream(1);
        check(difference(dropped, plain) > tolerance, 'Dropout of 0.5 changes nothing.');
        checkBits(await withStream(1), dropped, 'The same random stream drops other values.');
        check(difference(await withStream(2), dropped) > tolerance, 'Another random stream drops the same values.');
        model.adapt(null);
        dispose();
      },
    },
    {
      name: 'model: its gradient in an injected vector is that of its loss',
      level: 3,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const vector = tf.tensor1d(someVector(model, 4));
        await checkNoLeak('the gradient', () =>
          checkSlope({ vector }, ({ vector: given }) =>
            lossOf(model, { ...input, overrides: [{ row: 0, position: 1, vector: given as tf.Tensor1D }] }),
          ),
        );
        vector.dispose();
      },
    },
    {
      name: 'model: its gradient in an adapter is that of its loss',
      level: 3,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const start = adapterOn(model, { seed: 1, most: 3 });
        await checkNoLeak('the gradient', () => checkSlope(start.named, (named) => lossWith(model, input, start, named)));
        model.adapt(null);
        start.dispose();
      },
    },
    {
      name: 'model: learns by its gradient',
      level: 4,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const start = adapterOn(model, { seed: 1 });
        let named: Record<string, tf.Tensor> = Object.fromEntries(
          Object.entries(start.named).map(([name, tensor]) => [name, tensor.clone()]),
        );
        const losses: number[] = [];
        for (let step = 0; step < 6; step += 1) {
          const names = Object.keys(named);
          const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
            lossWith(model, input, start, Object.fromEntries(names.map((name, at) => [name, given[at] as tf.Tensor]))),
          )(Object.values(named));
          losses.push((await value.data())[0] ?? NaN);
          // Normalised, so that no model is too steep: a step has length 0.05 in all parameters together.
          const next = tf.tidy(() => {
            const length = tf.sqrt(grads.reduce<tf.Tensor>((sum, gradient) => tf.add(sum, tf.sum(tf.square(gradient))), tf.scalar(1e-20)));
            return Object.fromEntries(
              names.map((name, at) => [name, tf.sub(named[name] as tf.Tensor, tf.mul(tf.div(grads[at] as tf.Tensor, length), 0.05))]),
            );
          });
          tf.dispose([value, ...grads, ...Object.values(named)]);
          named = next;
        }
        tf.dispose(Object.values(named));
        model.adapt(null);
        start.dispose();
        check(
          (losses.at(-1) ?? NaN) < (losses[0] ?? NaN),
          'Steps down the gradient do not lower the loss.',
          losses.map((loss) => loss.toPrecision(4)).join(' '),
        );
      },
    },
    {
      name: 'model: speed',
      level: 5,
      run: async (subject) => {
        const { model, input } = await passOf(subject);
        const started = performance.now();
        await finalOf(model, input);
        const passed = performance.now();
        await idsOf(model, { prompts: promptsOf(input), maxNewTokens: newTokens, stopIds: [] });
        subject.record('tokens a second, pass', Math.round((1000 * input.tokens.length) / (passed - started)));
        subject.record('tokens a second, generation', Math.round((1000 * input.batch * newTokens) / (performance.now() - passed)));
      },
    },
  ];
}

const models = new WeakMap<Subject<'model'>, Promise<Model>>();

/** One model that cases share; its adapter is off between them. */
async function modelOf(subject: Subject<'model'>): Promise<Model> {
  const load = async (): Promise<Model> => (await subject.shared()).load();
  const found = models.get(subject) ?? load();
  models.set(subject, found);
  const model = await found;
  model.adapt(null);
  return model;
}

interface Pass {
  readonly model: Model;
  readonly input: Pick<ForwardInput, 'tokens' | 'batch' | 'length'>;
  readonly tolerance: number;
}

async function passOf(subject: Subject<'model'>): Promise<Pass> {
  const model = await modelOf(subject);
  const { input = madeUpInput(model), tolerance = 1e-4 } = subject.fixtures;
  return { model, input, tolerance };
}

/** Two rows of eight ordinary tokens. */
function madeUpInput({ tokenizer, spec }: Model): Pass['input'] {
  const random = mulberry32(7);
  const special = new Set([tokenizer.padId, tokenizer.eosId, tokenizer.bosId, tokenizer.unkId]);
  const size = Math.min(tokenizer.vocabularySize, spec.vocabularySize);
  const ordinary = Array.from({ length: size }, (_, id) => id).filter((id) => !special.has(id));
  const [batch, length] = [2, 8];
  const tokens = Int32Array.from({ length: batch * length }, (_, at) =>
    at % length === 0 ? tokenizer.bosId : (ordinary[Math.floor(random() * ordinary.length)] ?? 0),
  );
  return { tokens, batch, length };
}

function promptsOf({ tokens, batch, length }: Pass['input']): Int32Array[] {
  return Array.from({ length: batch }, (_, row) => tokens.slice(row * length, (row + 1) * length));
}

/** A vector of the size of an embedding: what enters block 0 is no larger. */
function someVector({ spec }: Model, seed: number): Float32Array {
  const random = mulberry32(seed);
  return Float32Array.from({ length: spec.dModel }, () => 2 * random() - 1);
}

async function finalOf(model: Model, input: ForwardInput): Promise<Float32Array> {
  const { final, hidden } = model.forward(input);
  check(final !== undefined, 'A pass to the end gives no final state.');
  const values = (await final.data()) as Float32Array;
  tf.dispose([final, ...Object.values(hidden)]);
  return values;
}

async function hiddenOf(model: Model, input: ForwardInput, hook: string): Promise<Float32Array> {
  const { final, hidden } = model.forward(input);
  const tensor = hidden[hook];
  check(tensor !== undefined, `${hook} is not captured.`, Object.keys(hidden).join(', '));
  const values = (await tensor.data()) as Float32Array;
  tf.dispose([...(final === undefined ? [] : [final]), ...Object.values(hidden)]);
  return values;
}

function runSegments(model: Model, input: ForwardInput): NamedTensors {
  let state: NamedTensors = {};
  for (const { run } of model.segments(input)) {
    const next = run(state);
    const kept = new Set(Object.values(next));
    for (const tensor of Object.values(state)) if (!kept.has(tensor)) tensor.dispose();
    state = next;
  }
  return state;
}

/** The new ids of every row, what comes behind its end left out. */
async function idsOf(model: Model, input: GenerateInput): Promise<number[][]> {
  const rows = input.prompts.map((): number[] => []);
  for await (const { ids } of model.generate(input)) {
    check(ids.length === rows.length, 'A step does not have an id for every row.', `${ids.length}`, `${rows.length}`);
    ids.forEach((id, row) => {
      if (id >= 0) rows[row]?.push(id);
    });
  }
  return rows;
}

async function nextLogits(model: Model, tokens: Int32Array, overrides: readonly Override[]): Promise<Float32Array> {
  const { dModel } = model.spec;
  const logits = tf.tidy(() => {
    const { final } = model.forward({ tokens, batch: 1, length: tokens.length, overrides });
    const last = tf.slice(final as tf.Tensor3D, [0, tokens.length - 1, 0], [1, 1, dModel]);
    return model.head.logits(tf.reshape<tf.Rank.R2>(last, [1, dModel]));
  });
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

/** Mean loss of each next token, one number. */
function lossOf(model: Model, input: ForwardInput): tf.Scalar {
  const { batch, length, tokens } = input;
  return tf.tidy(() => {
    const { final } = model.forward(input);
    const rows = tf.reshape(tf.slice(final as tf.Tensor3D, [0, 0, 0], [batch, length - 1, model.spec.dModel]), [-1, model.spec.dModel]);
    const targets = Int32Array.from(
      { length: batch * (length - 1) },
      (_, at) => tokens[Math.floor(at / (length - 1)) * length + (at % (length - 1)) + 1] ?? 0,
    );
    return tf.mean(model.head.crossEntropy(rows as tf.Tensor2D, targets));
  });
}

/** The loss with an adapter whose matrices are these tensors. */
function lossWith(model: Model, input: ForwardInput, { adapter }: TestAdapter, named: Readonly<Record<string, tf.Tensor>>): tf.Scalar {
  const pairs = new Map(
    [...adapter.pairs.keys()].map((path) => [path, { a: named[`${path}.a`] as tf.Tensor2D, b: named[`${path}.b`] as tf.Tensor2D }]),
  );
  model.adapt({ spec: adapter.spec, pairs });
  return lossOf(model, input);
}

function crossEntropies(logits: Float32Array, targets: Int32Array, vocabulary: number): number[] {
  return Array.from(targets, (target, row) => {
    const scores = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    const largest = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
    return largest + Math.log(sum) - (scores[target] ?? NaN);
  });
}

/** Largest difference, relative to the largest magnitude of the second (at least 1). */
function difference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [most, largest] = [0, 1];
  for (let at = 0; at < other.length; at += 1) {
    most = Math.max(most, Math.abs((one[at] ?? NaN) - (other[at] ?? NaN)));
    largest = Math.max(largest, Math.abs(other[at] ?? NaN));
  }
  return most / largest;
}
