import { createSeedStreams } from '@nlakit/run';
import { encodeBf16 } from '@nlakit/safetensors';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { besidePeer } from './beside-peer.js';
import geometry from './gemma-4-e2b.config.json' with { type: 'json' };
import { measure } from './measure.js';

/** Every linear of Gemma-4-E2B's decoder packed in NF4 with double quantisation, from bfloat16 in memory: the same random weights for each. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup } = setting;
  const { createNf4Packer } = await import('@nlakit/quantizer-nf4');
  const { gemma4Inventory, parseGemma4Config } = await import('@nlakit/model-gemma4');
  const shapes = [...gemma4Inventory(parseGemma4Config(geometry)).values()]
    .filter(({ role }) => role === 'linear')
    .map(({ shape: [rows = 0, columns = 0] }) => [rows, columns] as const);
  const sizes = shapes.map(([rows, columns]) => rows * columns);
  const weights = sizes.reduce((sum, size) => sum + size, 0);
  const random = createSeedStreams(0).stream('bench.nf4');
  const values = encodeBf16(Float32Array.from({ length: Math.max(...sizes) }, () => random.uniform() - 0.5));
  const pack = (): void => {
    for (const shape of shapes) {
      const packer = createNf4Packer(shape, { blockSize: 64, doubleQuant: true, storage: 'bfloat16' });
      packer.add(values.subarray(0, shape[0] * shape[1]));
      packer.finish();
    }
  };
  const settings = { what: 'quantize', dtype: 'bf16', doubleQuant: true, shapes };
  const measured = await besidePeer(setting, 'nf4.py', settings, (peer) =>
    measure(pack, { repeats, warmup, signal: context.io.signal, peer }),
  );
  return [
    {
      case: 'nf4-e2b',
      what: `quantize bf16, double, ${shapes.length} linears of Gemma-4-E2B`,
      backend: 'host',
      repeats,
      ...measured,
      rate: weights / measured.seconds.median,
      rateUnit: 'weights/s',
      peakBytes: peakResidentBytes(),
      details: { weights },
    },
  ];
}

/** `nla bench nf4-e2b` */
export const nf4E2bCase: BenchCase = { name: 'nf4-e2b', run };
