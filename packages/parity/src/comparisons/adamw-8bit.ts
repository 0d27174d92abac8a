import { createHash } from 'node:crypto';
import { createAdamW, createAdamW8bit, type Optimizer } from '@nlakit/optim';
import { maxAbsolute, type Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, maxDifference, worstOf, type GoldenTensor } from '../numbers.js';
import { references, tolerances } from './references.js';

interface Variant {
  readonly param_after: GoldenTensor;
  readonly sha256_of_codes_each_step: readonly (readonly string[])[];
  readonly state_after_last_step: Readonly<Record<'absmax1' | 'absmax2', GoldenTensor>>;
}
interface OptimizerCase {
  readonly n: number;
  readonly state: '8bit' | 'f32';
  readonly param0: GoldenTensor;
  readonly grads: readonly GoldenTensor[];
  readonly torch_f32_AdamW_param_after: GoldenTensor;
  readonly nearest: Variant;
  readonly nearest_v_floor?: Variant;
}

const common = { group: 'optimizers', place: 'host' } as const;

/** Our optimizers on given gradients: 8-bit AdamW beside its reference, f32 AdamW beside torch's. They run on the host. */
export function optimizerComparisons(): Comparison[] {
  const { cases, lr } = readGolden<{ cases: readonly OptimizerCase[]; lr: number }>('optim', 'adamw8bit-ref.json');
  const eightBit = cases
    .filter(({ state }) => state === '8bit')
    .flatMap((one) => [
      { one, floor: false, expected: one.nearest },
      { one, floor: true, expected: one.nearest_v_floor },
    ]);
  return [
    ...eightBit.flatMap(({ one, floor, expected }) =>
      expected === undefined
        ? []
        : eightBitComparisons(one, expected, floor, lr, `${one.n} elements${floor ? ', second moment floored' : ''}`),
    ),
    {
      ...common,
      comparison: `parameters after ${cases[0]?.grads.length} AdamW steps on given gradients`,
      reference: references.torch,
      quantity: maxAbsolute,
      tolerance: tolerances.eightBitParameter,
      run: () =>
        Promise.resolve(
          worstOf(
            cases.map((one) => {
              const { parameter } = optimize(createAdamW(), one, lr);
              return [`${one.n} elements`, maxDifference(parameter, goldenFloats(one.torch_f32_AdamW_param_after))];
            }),
          ),
        ),
    },
  ];
}

function eightBitComparisons(one: OptimizerCase, expected: Variant, floor: boolean, lr: number, which: string): Comparison[] {
  const reference = references.numpy;
  const steps = one.grads.length;
  const run = () => optimize(createAdamW8bit({ secondMomentFloor: floor }), one, lr);
  return [
    {
      ...common,
      reference,
      comparison: `8-bit codes at each of ${steps} steps, ${which}`,
      quantity: 'code arrays that differ',
      tolerance: 0,
      run() {
        const { codes } = run();
        const wanted = expected.sha256_of_codes_each_step.flat();
        return Promise.resolve({
          maxError: wanted.filter((hash, index) => hash !== codes[index]).length + Math.abs(wanted.length - codes.length),
        });
      },
    },
    {
      ...common,
      reference,
      comparison: `8-bit block maxima after ${steps} steps, ${which}`,
      quantity: 'max |Δ / reference|',
      tolerance: tolerances.eightBitAbsmax,
      run() {
        const { tensors } = run().optimizer.state();
        return Promise.resolve(
          worstOf(
            (['absmax1', 'absmax2'] as const).map((part) => {
              const mine = tensors.get(`p.${part}`)?.data ?? [];
              const wanted = goldenFloats(expected.state_after_last_step[part]);
              // A block of zeros must be one here, too.
              return [
                part,
                Math.max(...wanted.map((value, index) => Math.abs((mine[index] ?? NaN) - value) / (value || Number.MIN_VALUE))),
              ];
            }),
          ),
        );
      },
    },
    {
      ...common,
      reference,
      comparison: `parameters after ${steps} 8-bit steps, ${which}`,
      quantity: maxAbsolute,
      tolerance: tolerances.eightBitParameter,
      run: () => Promise.resolve({ maxError: maxDifference(run().parameter, goldenFloats(expected.param_after)) }),
    },
  ];
}

function optimize(
  optimizer: Optimizer,
  one: OptimizerCase,
  lr: number,
): { optimizer: Optimizer; parameter: Float32Array; codes: string[] } {
  const parameter = goldenFloats(one.param0);
  const codes: string[] = [];
  for (const gradient of one.grads) {
    optimizer.step(new Map([['p', parameter]]), new Map([['p', goldenFloats(gradient)]]), lr);
    const { tensors } = optimizer.state();
    for (const part of ['p.state1', 'p.state2']) codes.push(sha256(tensors.get(part)?.data ?? new Uint8Array()));
  }
  return { optimizer, parameter, codes };
}

/** Hash of an array's bytes. */
export function sha256(array: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');
}
