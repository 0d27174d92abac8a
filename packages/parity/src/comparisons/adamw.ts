import { attach } from '@nlakit/lora';
import { createAdamW } from '@nlakit/optim';
import { maxAbsolute, type Comparison, type Measurement } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { gradientsOf, passOver } from '../tiny-model.js';
import { arraysByPeftName, goldenAdapter, variablesByPeftName } from './lora.js';
import { references, tolerances } from './references.js';

interface AdamWGolden {
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
  };
  readonly ids_per_step: readonly (readonly number[])[];
  readonly loss_before_step: readonly number[];
  readonly tensors_after: Readonly<Record<string, GoldenTensor>>;
}

/** Elements whose gradient is so near zero that rounding decides its sign, and their room: one step of the learning rate each way. */
const strays = { count: 10, tolerance: 2e-4 };

/** Five optimizer steps on the adapter: our gradients through our AdamW beside torch's. */
export function adamWComparisons(): Comparison[] {
  const golden = readGolden<AdamWGolden>('parity', 'adamw.json');
  const steps = golden.ids_per_step.length;
  const common = { group: 'training', reference: `${references.torch}, ${references.peft}`, place: 'backend' } as const;
  const trained = (context: ParityContext): Promise<{ losses: number[]; tensors: Map<string, Float32Array> }> =>
    context.once('training', async () => train(context, golden));
  return [
    {
      ...common,
      comparison: `loss before each of ${steps} AdamW steps`,
      quantity: maxAbsolute,
      tolerance: tolerances.trainedLoss,
      async run(context) {
        const { losses } = await trained(context);
        return { maxError: Math.max(...golden.loss_before_step.map((loss, step) => Math.abs(loss - (losses[step] ?? NaN)))) };
      },
    },
    {
      ...common,
      comparison: `${Object.keys(golden.tensors_after).length} matrices after ${steps} AdamW steps`,
      quantity: `${maxAbsolute}, ${strays.count} strays left out`,
      tolerance: tolerances.trainedTensor,
      run: async (context) => withoutStrays((await trained(context)).tensors, golden.tensors_after),
    },
  ];
}

async function train(context: ParityContext, golden: AdamWGolden) {
  const { lr, betas, eps, weight_decay: weightDecay } = golden.optimizer;
  const model = await context.model('packed');
  const host = await goldenAdapter(model);
  const attached = attach(host);
  const optimizer = createAdamW({ betas, epsilon: eps, weightDecay });
  const tensors = arraysByPeftName(host);
  const losses: number[] = [];
  try {
    model.adapt(attached.adapter);
    for (const ids of golden.ids_per_step) {
      const { loss, gradients } = await gradientsOf(model, variablesByPeftName(host, attached), passOver(ids), true);
      losses.push(loss);
      optimizer.step(tensors, gradients, lr);
      attached.upload();
    }
  } finally {
    model.adapt(null);
    attached.dispose();
  }
  return { losses, tensors };
}

/** Largest difference once the few largest are left out, if those are within what a turned sign explains. */
function withoutStrays(actual: ReadonlyMap<string, Float32Array>, expected: Readonly<Record<string, GoldenTensor>>): Measurement {
  const differences: number[] = [];
  for (const [name, tensor] of Object.entries(expected)) {
    const mine = actual.get(name);
    goldenFloats(tensor).forEach((value, index) => differences.push(Math.abs(value - (mine?.[index] ?? NaN))));
  }
  if (differences.some(Number.isNaN)) return { maxError: Infinity, note: 'a matrix is missing or not finite' };
  differences.sort((a, b) => b - a);
  const largest = differences[0] ?? Infinity;
  const above = differences.filter((difference) => difference > tolerances.trainedTensor).length;
  const note = `${above} of ${differences.length} elements above the tolerance, largest ${largest.toExponential(1)}`;
  return { maxError: largest > strays.tolerance ? largest : (differences[strays.count] ?? 0), note };
}
