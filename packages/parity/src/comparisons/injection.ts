import type { ForwardInput } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Tensor1D, Variable } from '@tensorflow/tfjs-core';
import { maxAbsolute, maxRelative, type Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, relativeDifference, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { goldenIds, gradientsOf, logitsOf, passOver } from '../tiny-model.js';
import { logitsComparisons } from './forward.js';
import { references, tolerances } from './references.js';

interface InjectionCase {
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly dloss_dvector: GoldenTensor;
}

const common = { group: 'injection', reference: references.transformers, place: 'backend' } as const;

/** A vector in place of one token's scaled embedding, under both conventions for that token's row of the per-layer table. */
export function injectionComparisons(): Comparison[] {
  const golden = readGolden<{ position: number; vector: GoldenTensor; pad: InjectionCase; token: InjectionCase }>(
    'model',
    'injection.json',
  );
  const vector = goldenFloats(golden.vector);
  const inputWith = (perLayerIds: 'pad' | 'marker', injected: Float32Array | Tensor1D): ForwardInput => ({
    ...passOver(goldenIds),
    perLayerIds,
    overrides: [{ row: 0, position: golden.position, vector: injected }],
  });
  const conventions = [
    { perLayerIds: 'pad', suffix: ', per-layer row of padding', expected: golden.pad },
    { perLayerIds: 'marker', suffix: ", the token's own per-layer row", expected: golden.token },
  ] as const;

  return conventions.flatMap(({ perLayerIds, suffix, expected }) => {
    const measured = (context: ParityContext) =>
      context.once(`injection ${perLayerIds}`, async () => {
        const model = await context.model('packed');
        const injected: Variable = tf.tidy(() => tf.variable(tf.tensor1d(vector)));
        const input = inputWith(perLayerIds, injected as unknown as Tensor1D);
        const result = await gradientsOf(model, new Map([['vector', injected]]), input);
        injected.dispose();
        return result;
      });
    return [
      ...logitsComparisons(common, suffix, expected.logits, async (context) =>
        logitsOf(await context.model('packed'), inputWith(perLayerIds, vector)),
      ),
      {
        ...common,
        comparison: `mean loss${suffix}`,
        quantity: maxAbsolute,
        tolerance: tolerances.loss,
        run: async (context) => ({ maxError: Math.abs((await measured(context)).loss - expected.loss) }),
      },
      {
        ...common,
        comparison: `gradient of the vector${suffix}`,
        quantity: maxRelative,
        tolerance: tolerances.gradient,
        run: async (context) => ({
          maxError: relativeDifference((await measured(context)).gradients.get('vector') ?? [], goldenFloats(expected.dloss_dvector)),
        }),
      },
    ] satisfies Comparison[];
  });
}
