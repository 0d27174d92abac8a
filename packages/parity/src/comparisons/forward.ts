import { blockOutput } from '@nlakit/core';
import { stateNames } from '@nlakit/model-gemma4';
import { tf } from '@nlakit/ops';
import type { Tensor } from '@tensorflow/tfjs-core';
import { maxAbsolute, maxRelative, type Comparison } from '../comparison.js';
import { readGolden, tinyConfig, withText } from '../fixtures.js';
import { goldenFloats, maxDifference, relativeDifference, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { syntheticTensors } from '../synthetic-weights.js';
import { goldenIds, logitsOf, lossesOf, passOver, tinyModel, values } from '../tiny-model.js';
import { references, tolerances } from './references.js';

interface ForwardGolden {
  readonly scaled_embeddings: GoldenTensor;
  /** `[position, block, width]` */
  readonly pli: GoldenTensor;
  readonly layer_outputs: readonly GoldenTensor[];
  readonly final_norm_output: GoldenTensor;
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly nll: readonly number[];
  readonly kv_heads_2: { readonly logits: GoldenTensor; readonly loss: number };
}

const input = passOver(goldenIds);
const common = { group: 'forward', reference: references.transformers, place: 'backend' } as const;

/** Every stage of a forward pass over one sequence, and the logits of the variant with two key/value heads. */
export function forwardComparisons(): Comparison[] {
  const golden = readGolden<ForwardGolden>('model', 'gemma4-tiny.json');

  /** Outputs of all blocks and of the final norm. */
  const stages = (context: ParityContext): Promise<ReadonlyMap<string, Float32Array>> =>
    context.once('forward stages', async () => {
      const model = await context.model('packed');
      const { final, hidden } = model.forward({ ...input, capture: model.spec.hookPoints });
      const read = new Map([['final', await values(final as Tensor)]]);
      for (const [name, tensor] of Object.entries(hidden)) read.set(name, await values(tensor));
      return read;
    });
  const logits = (context: ParityContext): Promise<Float32Array> =>
    context.once('forward logits', async () => logitsOf(await context.model('packed'), input));
  const losses = (context: ParityContext) => context.once('forward losses', async () => lossesOf(await context.model('packed'), input));
  const twoHeads = (context: ParityContext): Promise<{ logits: Float32Array; loss: number }> =>
    context.once('forward, two key/value heads', async () => {
      const config = withText(tinyConfig(), { num_key_value_heads: 2 });
      const model = await tinyModel({ config, tensors: syntheticTensors(config) });
      const measured = { logits: await logitsOf(model, input), loss: (await lossesOf(model, input)).mean };
      model.dispose();
      return measured;
    });

  return [
    {
      ...common,
      comparison: 'scaled embeddings',
      quantity: maxAbsolute,
      tolerance: tolerances.layerOutput,
      async run(context) {
        const rows = await (await context.model('packed')).embed(goldenIds);
        return { maxError: maxDifference(rows, goldenFloats(golden.scaled_embeddings)) };
      },
    },
    {
      ...common,
      comparison: 'per-layer inputs of all blocks',
      quantity: maxAbsolute,
      tolerance: tolerances.layerOutput,
      async run(context) {
        const model = await context.model('packed');
        const stacked = tf.tidy(() => {
          const state = model.segments(input)[0]?.run({}) ?? {};
          return tf.stack(
            golden.layer_outputs.map((_, block) => state[stateNames.perLayer(block)] as Tensor),
            1,
          );
        });
        return { maxError: maxDifference(await values(stacked), goldenFloats(golden.pli)) };
      },
    },
    ...golden.layer_outputs.map((expected, index): Comparison => ({
      ...common,
      comparison: `output of block ${index}`,
      quantity: maxAbsolute,
      tolerance: tolerances.layerOutput,
      run: async (context) => ({
        maxError: maxDifference((await stages(context)).get(blockOutput(index)) ?? [], goldenFloats(expected)),
      }),
    })),
    {
      ...common,
      comparison: 'final norm',
      quantity: maxAbsolute,
      tolerance: tolerances.layerOutput,
      run: async (context) => ({
        maxError: maxDifference((await stages(context)).get('final') ?? [], goldenFloats(golden.final_norm_output)),
      }),
    },
    ...logitsComparisons(common, '', golden.logits, logits),
    {
      ...common,
      comparison: 'loss of every position',
      quantity: maxAbsolute,
      tolerance: tolerances.tokenLoss,
      run: async (context) => ({ maxError: maxDifference((await losses(context)).tokens, golden.nll) }),
    },
    {
      ...common,
      comparison: 'mean loss',
      quantity: maxAbsolute,
      tolerance: tolerances.loss,
      run: async (context) => ({ maxError: Math.abs((await losses(context)).mean - golden.loss) }),
    },
    ...logitsComparisons(common, ', two key/value heads', golden.kv_heads_2.logits, async (context) => (await twoHeads(context)).logits),
    {
      ...common,
      comparison: 'mean loss, two key/value heads',
      quantity: maxAbsolute,
      tolerance: tolerances.loss,
      run: async (context) => ({ maxError: Math.abs((await twoHeads(context)).loss - golden.kv_heads_2.loss) }),
    },
  ];
}

/** Logits beside a golden tensor, as an absolute difference and relative to the largest logit. */
export function logitsComparisons(
  where: Pick<Comparison, 'group' | 'reference' | 'place'>,
  suffix: string,
  expected: GoldenTensor,
  logits: (context: ParityContext) => Promise<Float32Array>,
): Comparison[] {
  return [
    {
      ...where,
      comparison: `logits${suffix}`,
      quantity: maxAbsolute,
      tolerance: tolerances.logits,
      run: async (context) => ({ maxError: maxDifference(await logits(context), goldenFloats(expected)) }),
    },
    {
      ...where,
      comparison: `logits${suffix}`,
      quantity: maxRelative,
      tolerance: tolerances.relativeLogits,
      run: async (context) => ({ maxError: relativeDifference(await logits(context), goldenFloats(expected)) }),
    },
  ];
}
