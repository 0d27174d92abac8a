import type { JsonValue } from '@nlakit/core';
import { fromBitsandbytes, nf4Quantizer, unpackArray } from '@nlakit/quantizer-nf4';
import { openModelFolder } from '@nlakit/safetensors';
import { maxAbsolute, type Comparison } from '../comparison.js';
import { tolerances } from '../comparisons/references.js';
import { tinyConfig, withText } from '../fixtures.js';
import { goldenFloats, maxDifference, worstOf, type GoldenTensor } from '../numbers.js';
import { syntheticTensors } from '../synthetic-weights.js';
import { goldenIds, logitsOf, passOver } from '../tiny-model.js';
import type { Lab } from './lab.js';
import { openFolderModel, writeModelFolder } from './model-folder.js';
import { nla } from './trained-run.js';

interface Variant {
  readonly name: string;
  readonly doubleQuant: boolean;
  readonly dtype: 'float32' | 'bfloat16';
}

const variants: readonly Variant[] = [
  { name: 'single', doubleQuant: false, dtype: 'float32' },
  { name: 'double', doubleQuant: true, dtype: 'float32' },
  { name: 'double, bf16', doubleQuant: true, dtype: 'bfloat16' },
];

/**
 * The tiny model with rows that are multiples of 64. bitsandbytes 0.50 dequantises other rows wrongly on processors with AVX-512
 * (lengths that are multiples of 16: it takes the absmax of another block), and then is no reference.
 */
function evenConfig(): Record<string, JsonValue> {
  return withText(tinyConfig(), { hidden_size_per_layer_input: 64, intermediate_size: 128 });
}

interface Loaded {
  readonly native: GoldenTensor;
  readonly logits: GoldenTensor;
  readonly weights: Readonly<Record<string, GoldenTensor>>;
  readonly computeDtypes: readonly string[];
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
}
interface Outcome {
  readonly load: Readonly<Record<string, Loaded>>;
}

const input = passOver(goldenIds);
const sides = ['written here', 'written there'] as const;
type Side = (typeof sides)[number];

/** NF4 checkpoints that `nla quantize` wrote in transformers, and checkpoints that transformers has just written here. */
export function quantizedComparisons(lab: Lab): Comparison[] {
  const { versions } = lab.python;
  const reference = `bitsandbytes ${versions['bitsandbytes']}, transformers ${versions['transformers']}`;
  const common = { group: 'python: bitsandbytes', reference } as const;
  const outcome = (): Promise<Outcome> =>
    lab.once('bitsandbytes', async () => {
      const save = [];
      const load = [];
      for (const variant of variants) {
        const { name, doubleQuant, dtype } = variant;
        save.push({
          name,
          doubleQuant,
          dtype,
          model: await sourceFolder(lab, dtype),
          out: checkpointFolder(lab, variant, 'written there'),
        });
        await quantizeHere(lab, variant);
        for (const side of sides) load.push({ name: nameOf(variant, side), model: checkpointFolder(lab, variant, side) });
      }
      return lab.python.run<Outcome>('quantized.py', { ids: [...goldenIds], save, load });
    });
  const loaded = async (variant: Variant, side: Side): Promise<Loaded> => {
    const result = (await outcome()).load[nameOf(variant, side)];
    if (result === undefined) throw new Error('Python gave no result of that name');
    return result;
  };

  return variants.flatMap((variant): Comparison[] => [
    {
      ...common,
      comparison: `loads without a word: ${nameOf(variant, 'written here')}`,
      quantity: 'tensors missing, unexpected or misshapen',
      tolerance: 0,
      place: 'host',
      async run() {
        const { missing, unexpected, mismatched, weights, computeDtypes } = await loaded(variant, 'written here');
        const complaints = [...missing, ...unexpected, ...mismatched];
        const found = `${Object.keys(weights).length} packed linears, computed in ${computeDtypes.join(', ')}`;
        return { maxError: complaints.length, note: [found, ...complaints].join('; ') };
      },
    },
    {
      ...common,
      comparison: `packed here as there: ${variant.name}`,
      quantity: 'packed bytes and f32 maxima that differ',
      tolerance: 0,
      place: 'host',
      async run() {
        await outcome();
        return differingBytes(checkpointFolder(lab, variant, 'written here'), checkpointFolder(lab, variant, 'written there'));
      },
    },
    ...sides.flatMap((side): Comparison[] => [
      {
        ...common,
        comparison: `dequantised weights: ${nameOf(variant, side)}`,
        quantity: maxAbsolute,
        tolerance: 0,
        place: 'host',
        run: async () => dequantisedErrors(checkpointFolder(lab, variant, side), (await loaded(variant, side)).weights),
      },
      {
        ...common,
        comparison: `logits, computed in f32: ${nameOf(variant, side)}`,
        quantity: maxAbsolute,
        tolerance: tolerances.logits,
        place: 'backend',
        async run() {
          const expected = goldenFloats((await loaded(variant, side)).logits);
          return { maxError: maxDifference(await logitsHere(checkpointFolder(lab, variant, side)), expected) };
        },
      },
    ]),
    ...(variant.dtype === 'float32'
      ? []
      : [
          {
            ...common,
            comparison: `logits, computed in bf16 there and in f32 here: ${nameOf(variant, 'written here')}`,
            quantity: maxAbsolute,
            // Eight bits of mantissa through six blocks; wrong weights move logits by more than 1.
            tolerance: 0.5,
            place: 'backend',
            async run() {
              const expected = goldenFloats((await loaded(variant, 'written here')).native);
              return { maxError: maxDifference(await logitsHere(checkpointFolder(lab, variant, 'written here')), expected) };
            },
          } satisfies Comparison,
        ]),
  ]);
}

const nameOf = (variant: Variant, side: Side): string => `${variant.name}, ${side}`;
const checkpointFolder = (lab: Lab, variant: Variant, side: Side): string => lab.place(nameOf(variant, side).replace(/\W+/g, '-'));

/** The plain checkpoint, in f32 or rounded to bf16. Resolves to its folder. */
function sourceFolder(lab: Lab, dtype: Variant['dtype']): Promise<string> {
  return lab.once(`plain checkpoint ${dtype}`, async () => {
    const folder = lab.place(`plain-${dtype}`);
    const config = { ...evenConfig(), dtype };
    const stored = dtype === 'float32' ? 'F32' : 'BF16';
    const tensors = [...syntheticTensors(config)].map(([name, tensor]) => [name, { ...tensor, dtype: stored }] as const);
    await writeModelFolder(folder, config, new Map(tensors));
    return folder;
  });
}

async function quantizeHere(lab: Lab, variant: Variant): Promise<void> {
  const source = await sourceFolder(lab, variant.dtype);
  const out = checkpointFolder(lab, variant, 'written here');
  await nla(['quantize', '--model', source, '--out', out, ...(variant.doubleQuant ? ['--double-quant'] : [])], lab.place());
}

async function logitsHere(folder: string): Promise<Float32Array> {
  const model = await openFolderModel(folder, nf4Quantizer());
  try {
    return await logitsOf(model, input);
  } finally {
    model.dispose();
  }
}

async function dequantisedErrors(folder: string, expected: Readonly<Record<string, GoldenTensor>>) {
  const file = await openModelFolder(folder);
  try {
    const errors: [string, number][] = [];
    for (const [name, tensor] of Object.entries(expected)) {
      const array = await fromBitsandbytes(file, name, tensor.shape as readonly [number, number]);
      errors.push([name, array === undefined ? Infinity : maxDifference(unpackArray(array), goldenFloats(tensor))]);
    }
    return worstOf(errors);
  } finally {
    await file.close();
  }
}

/**
 * Bytes of packed weights and, without double quantisation, of absmax values that differ between two checkpoints. With double
 * quantisation only the packed weights are held against each other: bitsandbytes' offset depends on its order of summation.
 */
async function differingBytes(here: string, there: string) {
  const [ours, theirs] = [await openModelFolder(here), await openModelFolder(there)];
  try {
    const quantised = [...theirs.names()].filter((name) => name.endsWith('.quant_map'));
    const errors: [string, number][] = [];
    for (const map of quantised) {
      const weight = map.slice(0, -'.quant_map'.length);
      const nested = theirs.has(`${weight}.nested_absmax`);
      for (const name of [weight, map, ...(nested ? [] : [`${weight}.absmax`])]) {
        const [mine, reference] = [(await ours.bytes(name)).data, (await theirs.bytes(name)).data];
        let different = Math.abs(mine.length - reference.length);
        for (const [index, byte] of reference.entries()) if (mine[index] !== byte) different += 1;
        errors.push([name, different]);
      }
    }
    return worstOf(errors);
  } finally {
    await Promise.all([ours.close(), theirs.close()]);
  }
}
