import type { ForwardInput } from '@nlakit/core';
import type { Variable } from '@tensorflow/tfjs-core';
import { maxAbsolute, maxRelative, type Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, maxDifference, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { goldenIds, gradientsOf, logitsOf, parametersOf, vocabulary } from '../tiny-model.js';
import { gradientErrors } from './gradients.js';
import { references, tolerances } from './references.js';

interface PaddingCase {
  readonly ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly logits_row0: GoldenTensor;
  readonly logits_row1_real_positions_only: GoldenTensor;
  readonly loss_mean_over_all_labels: number;
  readonly gradients: Readonly<Record<string, GoldenTensor>>;
}

const common = { group: 'padding', reference: references.transformers, place: 'backend' } as const;
const length = goldenIds.length;

/** A batch of a long and a short sequence, padded on the left and on the right. */
export function paddingComparisons(): Comparison[] {
  const golden = readGolden<{ cases: Record<'left' | 'right', PaddingCase> }>('model', 'batch.json');
  return (['left', 'right'] as const).flatMap((side) => {
    const expected = golden.cases[side];
    const input: ForwardInput = {
      tokens: Int32Array.from(expected.ids.flat()),
      batch: 2,
      length,
      mask: Uint8Array.from(expected.attention_mask.flat()),
    };
    const [, mask = []] = expected.attention_mask;
    const measured = (context: ParityContext) =>
      context.once(`padding ${side}`, async () => {
        const model = await context.model('trainable');
        const parameters = parametersOf(model);
        const chosen = new Map(Object.keys(expected.gradients).map((name) => [name, parameters.get(name) as Variable]));
        return gradientsOf(model, chosen, input);
      });
    return [
      {
        ...common,
        comparison: `logits at real positions, padded on the ${side}`,
        quantity: maxAbsolute,
        tolerance: tolerances.logits,
        async run(context) {
          const logits = await logitsOf(await context.model('trainable'), input);
          // What stands at padding is nobody's business, as long as it is a number.
          if (!logits.every(Number.isFinite)) return { maxError: Infinity, note: 'a logit at padding is not finite' };
          const firstReal = (length + mask.indexOf(1)) * vocabulary;
          const real = mask.filter((value) => value === 1).length * vocabulary;
          return {
            maxError: Math.max(
              maxDifference(logits.subarray(0, length * vocabulary), goldenFloats(expected.logits_row0)),
              maxDifference(logits.subarray(firstReal, firstReal + real), goldenFloats(expected.logits_row1_real_positions_only)),
            ),
          };
        },
      },
      {
        ...common,
        comparison: `mean loss over both rows, padded on the ${side}`,
        quantity: maxAbsolute,
        tolerance: tolerances.loss,
        run: async (context) => ({ maxError: Math.abs((await measured(context)).loss - expected.loss_mean_over_all_labels) }),
      },
      {
        ...common,
        comparison: `gradients of ${Object.keys(expected.gradients).length} weights, padded on the ${side}`,
        quantity: maxRelative,
        tolerance: tolerances.gradient,
        run: async (context) => gradientErrors((await measured(context)).gradients, expected.gradients),
      },
    ] satisfies Comparison[];
  });
}
