import { maxRelative, type Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, l2Norm, relativeDifference, worstOf, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { goldenIds, gradientsOf, parametersOf, passOver } from '../tiny-model.js';
import { references, tolerances } from './references.js';

interface GradientGolden {
  readonly gradients: Readonly<Record<string, GoldenTensor>>;
  readonly l2_norms_of_all_gradients: Readonly<Record<string, number>>;
}

const common = { group: 'gradients', reference: references.transformers, place: 'backend' } as const;

/** Gradients of the loss with respect to the weights of the model, donors of keys and values among them. */
export function gradientComparisons(): Comparison[] {
  const golden = readGolden<GradientGolden>('model', 'gradients.json');
  const measured = (context: ParityContext, recompute = false) =>
    context.once(`weight gradients ${recompute}`, async () => {
      const model = await context.model('trainable');
      return gradientsOf(model, parametersOf(model), passOver(goldenIds), recompute);
    });
  const names = `${Object.keys(golden.gradients).length} weights`;
  const allNames = `${Object.keys(golden.l2_norms_of_all_gradients).length} weights`;
  return [
    ...[false, true].flatMap((recompute): Comparison[] => [
      {
        ...common,
        comparison: `${names}, every entry${recomputed(recompute)}`,
        quantity: maxRelative,
        tolerance: tolerances.gradient,
        async run(context) {
          const { gradients } = await measured(context, recompute);
          return gradientErrors(gradients, golden.gradients);
        },
      },
      {
        ...common,
        comparison: `${allNames}, Euclidean norm${recomputed(recompute)}`,
        quantity: normError,
        tolerance: tolerances.gradient,
        async run(context) {
          const { gradients } = await measured(context, recompute);
          return normErrors(gradients, golden.l2_norms_of_all_gradients);
        },
      },
    ]),
    {
      ...common,
      reference: references.float64,
      comparison: 'a layer scalar, which transformers does not differentiate',
      quantity: maxRelative,
      tolerance: tolerances.gradient,
      async run(context) {
        const { gradients } = await measured(context);
        return { maxError: relativeDifference(gradients.get('model.language_model.layers.3.layer_scalar') ?? [], [0.130226]) };
      },
    },
  ];
}

/** Suffix for gradients whose activations were computed again in the backward pass. */
export function recomputed(recompute: boolean): string {
  return recompute ? ', recomputed block by block' : '';
}

/** How norms are compared. */
export const normError = '|norm / reference − 1|';

/** Largest error over gradients by name, each relative to the largest entry of its tensor. */
export function gradientErrors(actual: ReadonlyMap<string, Float32Array>, expected: Readonly<Record<string, GoldenTensor>>) {
  return worstOf(
    Object.entries(expected).map(([name, tensor]) => [name, relativeDifference(actual.get(name) ?? [], goldenFloats(tensor))]),
  );
}

/** Largest relative error over norms of gradients by name. */
export function normErrors(actual: ReadonlyMap<string, Float32Array>, expected: Readonly<Record<string, number>>) {
  return worstOf(Object.entries(expected).map(([name, norm]) => [name, Math.abs(l2Norm(actual.get(name) ?? [NaN]) / norm - 1)]));
}
