import { NlaError, type HostTensor, type JsonValue, type Tokenizer } from '@nlakit/core';
import { createGemma4, gemma4Inventory, parseGemma4Config } from '@nlakit/model-gemma4';
import { tf } from '@nlakit/ops';
import type { Rank, Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import { parameterLayout, type ParameterLayout } from './parameter-layout.js';

/** Prefix of the text decoder's tensors in a multimodal checkpoint. */
export const checkpointPrefix = 'model.language_model.';

/** Rows of equal length with what follows each token. */
export interface TrainingRows {
  /** `[batch, length]` */
  readonly tokens: Int32Array;
  /** `[batch, length]` */
  readonly targets: Int32Array;
  readonly batch: number;
  readonly length: number;
}

/** One copy of the model on an engine. Parameters come and gradients go as one flat array, see {@link parameterLayout}. */
export interface Replica {
  /** Mean cross-entropy over all tokens, nats; its gradient is written to `gradients`. */
  gradients(parameters: Float32Array, rows: TrainingRows, gradients: Float32Array): Promise<number>;
  /** Cross-entropy of every token, `[batch * length]`. */
  losses(parameters: Float32Array, rows: TrainingRows): Promise<Float32Array>;
}

/** Name and shape of every parameter of a model, in checkpoint order. */
export function parameterShapes(config: Readonly<Record<string, JsonValue>>): Map<string, readonly number[]> {
  const inventory = gemma4Inventory(parseGemma4Config(config));
  return new Map([...inventory].map(([name, { shape }]) => [checkpointPrefix + name, shape]));
}

/** Makes a replica on the current tfjs backend. */
export async function createReplica(config: Readonly<Record<string, JsonValue>>, tokenizer: Tokenizer): Promise<Replica> {
  const shapes = parameterShapes(config);
  const layout = parameterLayout(shapes);
  const zeros = layout.views(new Float32Array(layout.length));
  const tensors = new Map(
    [...shapes].map(([name, shape]): [string, HostTensor] => [name, { shape, data: zeros.get(name) ?? new Float32Array() }]),
  );
  const model = await createGemma4({ config, tensors, trainable: true, tokenizer });
  const parameters = model.parameters?.();
  const variables = layout.names.map((name) => parameters?.get(name) as Variable);

  const losses = (rows: TrainingRows): Tensor =>
    tf.tidy(() => {
      const { final } = model.forward({ tokens: rows.tokens, batch: rows.batch, length: rows.length });
      const hidden = tf.reshape<Rank.R2>(final as Tensor, [rows.batch * rows.length, model.spec.dModel]);
      return model.head.crossEntropy(hidden, rows.targets);
    });

  return {
    async gradients(values, rows, gradients) {
      upload(values, layout, variables);
      const { value, grads } = tf.variableGrads(() => tf.mean<Scalar>(losses(rows)), variables);
      const views = layout.views(gradients);
      // Gradients are listed by the variables' own names.
      for (const [index, name] of layout.names.entries()) {
        const gradient = grads[variables[index]?.name ?? ''];
        if (gradient === undefined) throw new NlaError('E_REPLICA_GRADIENT', { message: `Parameter ${name} got no gradient.` });
        views.get(name)?.set(await gradient.data<'float32'>());
        gradient.dispose();
      }
      const loss = (await value.data<'float32'>())[0] ?? NaN;
      value.dispose();
      return loss;
    },
    async losses(values, rows) {
      upload(values, layout, variables);
      const result = losses(rows);
      const data = await result.data<'float32'>();
      result.dispose();
      return data.slice();
    },
  };
}

function upload(values: Float32Array, layout: ParameterLayout, variables: readonly Variable[]): void {
  const views = layout.views(values);
  tf.tidy(() => {
    for (const [index, name] of layout.names.entries()) {
      const variable = variables[index];
      // A copy: some backends read the array only when the tensor is first used, and `values` may be shared memory.
      if (variable !== undefined) variable.assign(tf.tensor(Float32Array.from(views.get(name) ?? []), variable.shape));
    }
  });
}
