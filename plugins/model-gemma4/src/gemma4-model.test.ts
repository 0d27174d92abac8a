import '@tensorflow/tfjs-backend-cpu';
import { blockOutput, type ForwardInput, type HostTensor, type NamedTensors } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { openModelFolder } from '@nlakit/safetensors';
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGemma4, type Gemma4Model, type Gemma4Options } from './gemma4-model.js';
import {
  fixture,
  floats,
  maxDifference,
  noTokenizer,
  readGolden,
  relativeDifference,
  tinyConfig,
  type GoldenTensor,
} from './testing/golden.js';

interface TinyGolden {
  ids: number[];
  scaled_embeddings: GoldenTensor;
  pli: GoldenTensor;
  layer_outputs: GoldenTensor[];
  final_norm_output: GoldenTensor;
  logits: GoldenTensor;
  loss: number;
  nll: number[];
}

const golden = readGolden<TinyGolden>('gemma4-tiny.json');
const ids = Int32Array.from(golden.ids);
const sequence: ForwardInput = { tokens: ids, batch: 1, length: ids.length };
const targets = ids.slice(1);
let tensors: Map<string, HostTensor>;
let trainable: Gemma4Model;
let frozen: Gemma4Model;

/** All tensors of the tiny checkpoint in memory. */
async function readTiny(): Promise<Map<string, HostTensor>> {
  const file = await openModelFolder(fixture('gemma4-tiny'));
  const read = new Map<string, HostTensor>();
  for (const [name, { shape }] of file.tensors) read.set(name, { shape, data: await file.float32(name) });
  await file.close();
  return read;
}

function tiny(options: Partial<Gemma4Options> & { tensors?: ReadonlyMap<string, HostTensor> } = {}): Promise<Gemma4Model> {
  return createGemma4({ config: tinyConfig(), tensors, tokenizer: noTokenizer, quantizer: plainQuantizer({ dtype: 'f32' }), ...options });
}

function logitsOf(model: Gemma4Model, input: ForwardInput): Float32Array {
  return tf.tidy(() => {
    const { final } = model.forward(input);
    return model.head.logits(tf.reshape(final as Tensor, [-1, model.spec.dModel]) as Tensor2D).dataSync() as Float32Array;
  });
}

/** Mean cross-entropy of the next token over one row. */
function lossOf(model: Gemma4Model, input: ForwardInput): Scalar {
  return tf.tidy(() => {
    const { final } = model.forward(input);
    const rows = tf.reshape(tf.slice(final as Tensor, [0, 0, 0], [1, ids.length - 1, -1]), [ids.length - 1, -1]) as Tensor2D;
    return tf.mean(model.head.crossEntropy(rows, targets)) as Scalar;
  });
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  tensors = await readTiny();
  trainable = await tiny({ trainable: true });
  frozen = await tiny();
});

afterAll(() => {
  trainable.dispose();
  frozen.dispose();
});

describe('forward pass of the tiny model against transformers', () => {
  it('gives every block output, the final norm, logits and loss', () => {
    const before = tf.memory().numTensors;
    const capture = golden.layer_outputs.map((_, index) => blockOutput(index));
    const { final, hidden } = frozen.forward({ ...sequence, capture });
    golden.layer_outputs.forEach((expected, index) => {
      expect(maxDifference(hidden[blockOutput(index)]?.dataSync() ?? [], floats(expected)), `block ${index}`).toBeLessThan(3e-4);
    });
    expect(hidden[blockOutput(2)]?.shape).toEqual([1, ids.length, 64]);
    expect(maxDifference(final?.dataSync() ?? [], floats(golden.final_norm_output))).toBeLessThan(3e-4);
    expect(maxDifference(logitsOf(frozen, sequence), floats(golden.logits))).toBeLessThan(3e-4);
    const loss = lossOf(frozen, sequence);
    expect(Math.abs(loss.dataSync()[0]! - golden.loss)).toBeLessThan(2e-5);
    tf.dispose([final, hidden, loss] as unknown as Tensor[]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stops after a block and captures it', () => {
    const { final, hidden } = frozen.forward({ ...sequence, stopAfterBlock: 3, capture: ['blocks.3.hook_out'] });
    expect(final).toBeUndefined();
    expect(maxDifference(hidden['blocks.3.hook_out']?.dataSync() ?? [], floats(golden.layer_outputs[3]!))).toBeLessThan(3e-4);
    expect(() => frozen.forward({ ...sequence, stopAfterBlock: 3, capture: ['blocks.4.hook_out'] })).toThrow(/hook point/);
    tf.dispose(hidden as unknown as Tensor[]);
  });

  it('is the segments run in order, bit for bit', () => {
    tf.tidy(() => {
      const segments = frozen.segments(sequence);
      expect(segments.map(({ name }) => name)).toEqual([
        'embedding',
        ...golden.layer_outputs.map((_, index) => `blocks.${index}`),
        'final',
      ]);
      let state: NamedTensors = {};
      for (const segment of segments) state = segment.run(state);
      expect(Object.keys(state)).toEqual(['final']);
      expect(state['final']?.dataSync()).toEqual(frozen.forward(sequence).final?.dataSync());
    });
  });
});

describe('gradients of the tiny model against transformers', () => {
  it('gives the gradient of every weight', () => {
    const expected = readGolden<{ gradients: Record<string, GoldenTensor>; l2_norms_of_all_gradients: Record<string, number> }>(
      'gradients.json',
    );
    const parameters = trainable.parameters?.() ?? new Map<string, Tensor>();
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => lossOf(trainable, sequence), [...parameters.values()] as Variable[]);
    expect(Math.abs(value.dataSync()[0]! - golden.loss)).toBeLessThan(2e-5);
    const gradientOf = (name: string): Float32Array => grads[(parameters.get(name) as Variable).name]?.dataSync() as Float32Array;
    for (const [name, gradient] of Object.entries(expected.gradients)) {
      expect(relativeDifference(gradientOf(name), floats(gradient)), name).toBeLessThan(1e-3);
    }
    for (const [name, norm] of Object.entries(expected.l2_norms_of_all_gradients)) {
      const actual = Math.hypot(...gradientOf(name));
      expect(Math.abs(actual / norm - 1), name).toBeLessThan(1e-3);
    }
    // Not in the golden file: transformers keeps the scalar as a buffer.
    expect(gradientOf('model.language_model.layers.3.layer_scalar')[0]).toBeCloseTo(0.130226, 4);
    tf.dispose([value, grads] as unknown as Tensor[]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
