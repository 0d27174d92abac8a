import { createSeedStreams } from '@nlakit/run';
import { encodeBf16 } from '@nlakit/safetensors';
import type { Tensor } from '@tensorflow/tfjs-core';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { besidePeer } from './beside-peer.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

/** The largest linears of Gemma-4-E2B's first 15 blocks. */
const shape = [6144, 1536] as const;
const weights = shape[0] * shape[1];

const peerNames = { float32: 'f32', bfloat16: 'bf16' } as const;

/** NF4: weights packed on the host, unpacked on the backend, and multiplied by. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup, length = 128 } = setting;
  const { signal } = context.io;
  const { createNf4Packer, nf4Quantizer, uploadArray } = await import('@nlakit/quantizer-nf4');
  const random = createSeedStreams(0).stream('bench.nf4');
  const values = Float32Array.from({ length: weights }, () => random.uniform() - 0.5);
  const halves = encodeBf16(values);
  const rows: BenchRow[] = [];
  /** Adds a row, if it is wanted; `peerSettings` say what `nf4.py` does beside it. */
  const row = async (
    named: Pick<BenchRow, 'what' | 'backend' | 'rateUnit'> & { readonly work: number },
    peerSettings: object,
    run: () => unknown,
  ): Promise<void> => {
    const { work, ...head } = named;
    if (!isWanted(setting, head.what)) return;
    const measured = await besidePeer(setting, 'nf4.py', { shapes: [shape], doubleQuant: true, rows: length, ...peerSettings }, (peer) =>
      measure(run, { repeats, warmup, signal, peer }),
    );
    rows.push({ case: 'nf4', ...head, repeats, ...measured, rate: work / measured.seconds.median, peakBytes: peakResidentBytes() });
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
      const what = `quantize ${name}${doubleQuant ? ', double' : ''}`;
      await row({ what, backend: 'host', work: weights, rateUnit: 'weights/s' }, { what: 'quantize', dtype: name, doubleQuant }, pack);
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
      const dtype = peerNames[storage];
      const common = { backend: setting.backend };
      await row({ ...common, what: `unpack to ${storage}`, work: weights, rateUnit: 'weights/s' }, { what: 'unpack', dtype }, () =>
        settled(quantizer.unpack(weight)),
      );
      await row(
        { ...common, what: `linear of ${length} rows, ${storage}`, work: 2 * length * weights, rateUnit: 'FLOP/s' },
        { what: 'linear', dtype },
        () => settled(quantizer.linear(input, weight)),
      );
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
