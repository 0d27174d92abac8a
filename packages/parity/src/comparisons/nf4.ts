import type { Model } from '@nlakit/core';
import { gemma4FromSource, checkpointSource } from '@nlakit/model-gemma4';
import { fromBitsandbytes, nf4Quantizer, unpackArray } from '@nlakit/quantizer-nf4';
import { openSafetensors } from '@nlakit/safetensors';
import { maxAbsolute, type Comparison } from '../comparison.js';
import { fixture, readGolden, tinyConfig } from '../fixtures.js';
import { goldenFloats, maxDifference, worstOf, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { goldenIds, logitsOf, lossesOf, noTokenizer, passOver, values } from '../tiny-model.js';
import { logitsComparisons } from './forward.js';
import { normError, normErrors } from './gradients.js';
import { measureWithAdapter, type AdapterMeasurement } from './lora.js';
import { references, tolerances } from './references.js';

interface Nf4Case {
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly 'with_adapter_lora/': {
    readonly logits: GoldenTensor;
    readonly loss: number;
    readonly gradient_l2_norms: Readonly<Record<string, number>>;
  };
  readonly dequantised_samples?: Readonly<Record<string, GoldenTensor>>;
}

const input = passOver(goldenIds);
const variants = { 'nf4-single': 'single', 'nf4-double': 'double', 'nf4-double-bf16': 'double, bf16' } as const;

/** Checkpoints of the tiny model that bitsandbytes quantised, read from its own layout: forward, and with an adapter on top. */
export function nf4Comparisons(): Comparison[] {
  const golden = readGolden<{ cases: Record<keyof typeof variants, Nf4Case> }>('parity', 'nf4.json');
  return (Object.keys(variants) as (keyof typeof variants)[]).flatMap((variant) =>
    variantComparisons(variant, golden.cases[variant], `, ${variants[variant]}`),
  );
}

interface Nf4Measurement {
  readonly logits: Float32Array;
  readonly loss: number;
  readonly adapted: AdapterMeasurement;
}

function variantComparisons(variant: string, expected: Nf4Case, suffix: string): Comparison[] {
  const adapted = expected['with_adapter_lora/'];
  const common = { group: 'nf4', reference: `${references.bitsandbytes}, ${references.transformers}`, place: 'backend' } as const;
  const withPeft = { ...common, reference: `${references.bitsandbytes}, ${references.peft}` };
  const measured = (context: ParityContext): Promise<Nf4Measurement> =>
    context.once(variant, async () => {
      const model = await quantisedModel(variant);
      try {
        const logits = await logitsOf(model, input);
        const loss = (await lossesOf(model, input)).mean;
        return { logits, loss, adapted: await measureWithAdapter(model) };
      } finally {
        model.dispose();
      }
    });
  const loss = (
    comparison: string,
    reference: Pick<Comparison, 'group' | 'reference' | 'place'>,
    value: number,
    of: (m: Nf4Measurement) => number,
  ): Comparison => ({
    ...reference,
    comparison,
    quantity: maxAbsolute,
    tolerance: tolerances.loss,
    run: async (context) => ({ maxError: Math.abs(of(await measured(context)) - value) }),
  });
  return [
    ...(expected.dequantised_samples === undefined ? [] : [dequantised(variant, expected.dequantised_samples, suffix)]),
    ...logitsComparisons(common, suffix, expected.logits, async (context) => (await measured(context)).logits),
    loss(`mean loss${suffix}`, common, expected.loss, (m) => m.loss),
    ...logitsComparisons(
      withPeft,
      `, adapter on top${suffix}`,
      adapted.logits,
      async (context) => (await measured(context)).adapted.logits,
    ),
    loss(`mean loss, adapter on top${suffix}`, withPeft, adapted.loss, (m) => m.adapted.loss),
    {
      ...withPeft,
      comparison: `gradients of ${Object.keys(adapted.gradient_l2_norms).length} matrices, Euclidean norm${suffix}`,
      quantity: normError,
      tolerance: tolerances.gradient,
      run: async (context) => normErrors((await measured(context)).adapted.gradients, adapted.gradient_l2_norms),
    },
  ];
}

function dequantised(variant: string, expected: Readonly<Record<string, GoldenTensor>>, suffix: string): Comparison {
  return {
    group: 'nf4',
    comparison: `dequantised values of ${Object.keys(expected).length} weights${suffix}`,
    reference: references.bitsandbytes,
    quantity: maxAbsolute,
    tolerance: 0,
    place: 'backend',
    async run() {
      const quantizer = nf4Quantizer();
      const file = await openSafetensors(fixture('parity', `${variant}.safetensors`));
      try {
        const errors: [string, number][] = [];
        for (const [name, tensor] of Object.entries(expected)) {
          const shape = tensor.shape as readonly [number, number];
          const packed = await quantizer.packStored?.(file, name, shape);
          if (packed === undefined) throw new Error(`${name} is not stored as NF4`);
          const onBackend = await values(quantizer.unpack(packed));
          packed.dispose();
          const array = await fromBitsandbytes(file, name, shape);
          const onHost = array === undefined ? [] : unpackArray(array);
          errors.push([`${name}, on the backend`, maxDifference(onBackend, goldenFloats(tensor))]);
          errors.push([`${name}, on the host`, maxDifference(onHost, goldenFloats(tensor))]);
        }
        return worstOf(errors);
      } finally {
        await file.close();
      }
    },
  };
}

async function quantisedModel(variant: string): Promise<Model> {
  const file = await openSafetensors(fixture('parity', `${variant}.safetensors`));
  try {
    return await gemma4FromSource(checkpointSource(file), { config: tinyConfig(), tokenizer: noTokenizer, quantizer: nf4Quantizer() });
  } finally {
    await file.close();
  }
}
