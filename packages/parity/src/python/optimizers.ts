import { createAdamW, createAdamW8bit, type OptimizerState } from '@nlakit/optim';
import { createSeedStreams } from '@nlakit/run';
import { maxRelative, type Comparison } from '../comparison.js';
import { tolerances } from '../comparisons/references.js';
import { goldenFloats, l2Norm, relativeDifference, worstOf, type GoldenTensor } from '../numbers.js';
import type { Lab } from './lab.js';

interface Case {
  readonly name: string;
  readonly kind: 'torch' | 'bitsandbytes';
  readonly length: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
}

const steps = 5;
const usual = { learningRate: 1e-3, weightDecay: 0.01, betas: [0.9, 0.999], epsilon: 1e-8 } as const;
const torchCases: readonly Case[] = [
  { ...usual, name: 'the defaults', kind: 'torch', length: 3000 },
  { ...usual, name: 'weight decay 0.3, learning rate 0.01', kind: 'torch', length: 3000, weightDecay: 0.3, learningRate: 0.01 },
  {
    ...usual,
    name: 'no weight decay, betas 0.8 and 0.95, epsilon 1e-4',
    kind: 'torch',
    length: 3000,
    weightDecay: 0,
    betas: [0.8, 0.95],
    epsilon: 1e-4,
  },
];
const small: Case = { ...usual, name: 'below the 8-bit limit', kind: 'bitsandbytes', length: 4095 };
const large: Case = { ...usual, name: '8-bit states', kind: 'bitsandbytes', length: 5000 };
const cases: readonly Case[] = [...torchCases, small, large];

interface Outcome {
  readonly after: readonly GoldenTensor[];
  readonly state: Readonly<Record<string, GoldenTensor>>;
}

/** AdamW beside torch's, and 8-bit AdamW beside bitsandbytes' on the CPU, as far as they are meant to agree. */
export function optimizerComparisons(lab: Lab): Comparison[] {
  const { versions } = lab.python;
  const outcome = (): Promise<Record<string, Outcome>> =>
    lab.once('optimizers', () =>
      lab.python.run('optimizers.py', {
        cases: cases.map((one) => ({ ...one, parameter: packed(start(one)), gradients: gradients(one).map(packed) })),
      }),
    );
  const reference = async ({ name }: Case): Promise<Outcome> => {
    const result = (await outcome())[name];
    if (result === undefined) throw new Error('Python gave no result of that name');
    return result;
  };
  const everyStep = (one: Case, expected: Outcome) => {
    const { after } = optimize(one);
    return worstOf(expected.after.map((tensor, step) => [`step ${step + 1}`, relativeDifference(after[step] ?? [], goldenFloats(tensor))]));
  };
  const common = { group: 'python: optimizers', quantity: maxRelative, place: 'host' } as const;
  const bitsandbytes = `bitsandbytes ${versions['bitsandbytes']}`;
  return [
    ...torchCases.map((one): Comparison => ({
      ...common,
      comparison: `AdamW, parameters after each of ${steps} steps: ${one.name}`,
      reference: `torch ${versions['torch']}`,
      tolerance: tolerances.eightBitParameter,
      run: async () => everyStep(one, await reference(one)),
    })),
    {
      ...common,
      comparison: `8-bit AdamW, ${small.length} elements (f32 states), parameters after each of ${steps} steps`,
      reference: bitsandbytes,
      tolerance: tolerances.eightBitParameter,
      run: async () => everyStep(small, await reference(small)),
    },
    {
      ...common,
      comparison: `8-bit AdamW, ${large.length} elements, parameters after the first step`,
      reference: bitsandbytes,
      tolerance: tolerances.eightBitParameter,
      async run() {
        const [first] = (await reference(large)).after;
        return { maxError: first === undefined ? Infinity : relativeDifference(optimize(large).after[0] ?? [], goldenFloats(first)) };
      },
    },
    {
      ...common,
      comparison: `8-bit AdamW, ${large.length} elements, block maxima after the first step`,
      reference: bitsandbytes,
      quantity: 'max |Δ / reference|',
      tolerance: tolerances.eightBitAbsmax,
      async run() {
        const { state } = await reference(large);
        const { tensors } = optimize(large).first;
        return worstOf(
          ['absmax1', 'absmax2'].map((part) => {
            const [mine, expected] = [tensors.get(`p.${part}`)?.data ?? [], state[part]];
            if (expected === undefined) throw new Error(`bitsandbytes keeps no ${part}`);
            const wanted = goldenFloats(expected);
            return [part, Math.max(...wanted.map((value, index) => Math.abs((mine[index] ?? NaN) - value) / value))];
          }),
        );
      },
    },
    {
      ...common,
      // Its CPU library looks codes up in a coarse table; here every code is the nearest, so that less is lost by storing moments.
      comparison: `8-bit AdamW, ${large.length} elements, ${steps} steps: distance from f32 AdamW, ours over bitsandbytes'`,
      reference: bitsandbytes,
      quantity: 'ratio of Euclidean distances',
      tolerance: 1,
      async run() {
        const last = (await reference(large)).after.at(-1);
        if (last === undefined) throw new Error('bitsandbytes took no step');
        const exact = optimize({ ...large, kind: 'torch' }).after.at(-1) ?? new Float32Array();
        const distance = (from: Float32Array): number => l2Norm(from.map((value, index) => value - (exact[index] ?? NaN)));
        const [ours, theirs, moved] = [
          distance(optimize(large).after.at(-1) ?? start(large)),
          distance(goldenFloats(last)),
          distance(start(large)),
        ];
        const share = (part: number): string => `${((100 * part) / moved).toFixed(1)} %`;
        return { maxError: ours / theirs, note: `of the way that f32 AdamW went: ours ${share(ours)}, bitsandbytes ${share(theirs)}` };
      },
    },
  ];
}

function optimize(one: Case): { readonly after: Float32Array[]; readonly first: OptimizerState } {
  const { betas, epsilon, weightDecay } = one;
  const create = one.kind === 'torch' ? createAdamW : createAdamW8bit;
  const optimizer = create({ betas, epsilon, weightDecay });
  const parameter = start(one);
  const after: Float32Array[] = [];
  let first: OptimizerState | undefined;
  for (const gradient of gradients(one)) {
    optimizer.step(new Map([['p', parameter]]), new Map([['p', gradient]]), one.learningRate);
    first ??= optimizer.state();
    after.push(parameter.slice());
  }
  return { after, first: first ?? optimizer.state() };
}

function start({ name, length }: Case): Float32Array {
  const random = createSeedStreams(3).stream(`parameter ${name}`);
  return Float32Array.from({ length }, () => random.normal());
}

/** One gradient per step; their sizes span three decades. */
function gradients({ name, length }: Case): Float32Array[] {
  const random = createSeedStreams(3).stream(`gradients ${name}`);
  return Array.from({ length: steps }, () => Float32Array.from({ length }, () => random.normal() * 10 ** (random.uniform() * 3 - 3)));
}

function packed(values: Float32Array): GoldenTensor {
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
  return { shape: [values.length], dtype: 'f32', data };
}
