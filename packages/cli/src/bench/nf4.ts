import { createSeedStreams } from '@nlakit/run';
import { encodeBf16 } from '@nlakit/safetensors';
import type { Tensor } from '@tensorflow/tfjs-core';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { measure, type Measured } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

/** The largest linears of Gemma-4-E2B's first 15 blocks. */
const shape = [6144, 1536] as const;
const weights = shape[0] * shape[1];

/** NF4: weights packed on the host, unpacked on the backend, and multiplied by. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, length = 128 } = setting;
  const { signal } = context.io;
  const { createNf4Packer, nf4Quantizer, uploadArray } = await import('@nlakit/quantizer-nf4');
  const random = createSeedStreams(0).stream('bench.nf4');
  const values = Float32Array.from({ length: weights }, () => random.uniform() - 0.5);
  const halves = encodeBf16(values);
  const rows: BenchRow[] = [];
  const row = (what: string, backend: string, measured: Measured, work: number, rateUnit: string): void => {
    const rate = work / measured.seconds.median;
    rows.push({ case: 'nf4', what, backend, repeats, ...measured, rate, rateUnit, peakBytes: peakResidentBytes() });
  };

  for (const [name, input] of [
    ['f32', values],
    ['bf16', halves],
  ] as const) {
    for (const doubleQuant of [false, true]) {
      const options = { blockSize: 64, doubleQuant, storage: 'float32' } as const;
      const pack = (): void => {
        const packer = createNf4Packer(shape, options);
        packer.add(input);
        packer.finish();
      };
      row(`quantize ${name}${doubleQuant ? ', double' : ''}`, 'host', await measure(pack, { repeats, signal }), weights, 'weights/s');
    }
  }

  const parts = await openBenchParts(setting);
  try {
    const backend = await parts.backend();
    const { tf } = await import('@nlakit/ops');
    /** Waits for a matrix by reading one value of it, which takes no time beside making it, and frees it. */
    const settled = async (matrix: Tensor): Promise<void> => {
      const one = tf.slice(matrix, [0, 0], [1, 1]);
      await one.data();
      tf.dispose([matrix, one]);
    };
    const quantizer = nf4Quantizer();
    for (const storage of ['float32', 'bfloat16'] as const) {
      const packer = createNf4Packer(shape, { blockSize: 64, doubleQuant: true, storage });
      packer.add(values);
      const weight = uploadArray(packer.finish());
      const input = tf.tensor(values.slice(0, length * shape[1]), [length, shape[1]]);
      const unpacked = await measure(() => settled(quantizer.unpack(weight)), { repeats, signal });
      row(`unpack to ${storage}`, setting.backend, unpacked, weights, 'weights/s');
      const multiplied = await measure(() => settled(quantizer.linear(input, weight)), { repeats, signal });
      row(`linear of ${length} rows, ${storage}`, setting.backend, multiplied, 2 * length * weights, 'FLOP/s');
      tf.dispose(input);
      weight.dispose();
    }
    return rows.map((made) => (made.backend === 'host' ? made : { ...made, backendPeakBytes: backend.memory().peakBytes }));
  } finally {
    await parts.dispose();
  }
}

/** `nla bench nf4` */
export const nf4Case: BenchCase = { name: 'nf4', run };
