import { attach, loraParameters, peftNames, readAdapter, type AttachedLora, type LoraHost } from '@nlakit/lora';
import type { Model } from '@nlakit/core';
import type { LossAndGradients } from '@nlakit/nla/training';
import type { Variable } from '@tensorflow/tfjs-core';
import { maxAbsolute, maxRelative, type Comparison } from '../comparison.js';
import { fixture, readGolden } from '../fixtures.js';
import { type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { goldenIds, gradientsOf, logitsOf, passOver } from '../tiny-model.js';
import { logitsComparisons } from './forward.js';
import { gradientErrors, recomputed } from './gradients.js';
import { references, tolerances } from './references.js';

interface LoraGolden {
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, GoldenTensor>>;
}

const input = passOver(goldenIds);
const common = { group: 'lora', reference: references.peft, place: 'backend' } as const;

/** Logits, loss and gradients with an adapter. */
export interface AdapterMeasurement extends LossAndGradients {
  readonly logits: Float32Array;
}

/** An adapter as PEFT saved it (rank 4, alpha 8, 36 linears), on the tiny model. */
export function loraComparisons(): Comparison[] {
  const golden = readGolden<LoraGolden>('model', 'lora.json');
  const measured = (context: ParityContext, recompute = false): Promise<AdapterMeasurement> =>
    context.once(`adapter ${recompute}`, async () => measureWithAdapter(await context.model('packed'), recompute));
  return [
    ...logitsComparisons(common, '', golden.logits, async (context) => (await measured(context)).logits),
    {
      ...common,
      comparison: 'mean loss',
      quantity: maxAbsolute,
      tolerance: tolerances.loss,
      run: async (context) => ({ maxError: Math.abs((await measured(context)).loss - golden.loss) }),
    },
    ...[false, true].map((recompute): Comparison => ({
      ...common,
      comparison: `gradients of ${Object.keys(golden.gradients).length} matrices, every entry${recomputed(recompute)}`,
      quantity: maxRelative,
      tolerance: tolerances.gradient,
      run: async (context) => gradientErrors((await measured(context, recompute)).gradients, golden.gradients),
    })),
  ];
}

/** The adapter of the golden files, in host memory; keys are checked against the model's linears. */
export async function goldenAdapter(model: Model): Promise<LoraHost> {
  return readAdapter(fixture('model', 'lora'), model.spec.linears);
}

/** An adapter's variables by PEFT's names. */
export function variablesByPeftName(host: LoraHost, attached: AttachedLora): ReadonlyMap<string, Variable> {
  const named = new Map<string, Variable>();
  for (const path of host.pairs.keys()) {
    const names = peftNames(path);
    named.set(names.a, attached.byName.get(`${path}.lora_A`) as Variable);
    named.set(names.b, attached.byName.get(`${path}.lora_B`) as Variable);
  }
  return named;
}

/** Runs the golden sequence with the golden adapter attached. */
export async function measureWithAdapter(model: Model, recompute = false): Promise<AdapterMeasurement> {
  const host = await goldenAdapter(model);
  const attached = attach(host);
  try {
    model.adapt(attached.adapter);
    const logits = await logitsOf(model, input);
    return { logits, ...(await gradientsOf(model, variablesByPeftName(host, attached), input, recompute)) };
  } finally {
    model.adapt(null);
    attached.dispose();
  }
}

/** An adapter's host arrays by PEFT's names: what an optimizer updates. */
export function arraysByPeftName(host: LoraHost): Map<string, Float32Array> {
  const arrays = loraParameters(host);
  const named = new Map<string, Float32Array>();
  for (const path of host.pairs.keys()) {
    const names = peftNames(path);
    named.set(names.a, arrays.get(`${path}.lora_A`) as Float32Array);
    named.set(names.b, arrays.get(`${path}.lora_B`) as Float32Array);
  }
  return named;
}
