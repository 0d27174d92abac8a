import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

/** Loading the bundled model on a backend that has started: reading, checking, packing, uploading, tokenizer included. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats } = setting;
  const rows: BenchRow[] = [];
  for (const quantizer of ['@nlakit/ops#plain', '@nlakit/quantizer-nf4']) {
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const loader = await parts.loader();
      const { parameters } = await loader.describe();
      const measured = await measure(async () => (await loader.load()).dispose(), { repeats, signal: context.io.signal });
      rows.push({
        case: 'load',
        what: quantizer,
        backend: setting.backend,
        repeats,
        ...measured,
        rate: parameters / measured.seconds.median,
        rateUnit: 'weights/s',
        peakBytes: peakResidentBytes(),
        backendPeakBytes: backend.memory().peakBytes,
        details: { parameters },
      });
    } finally {
      await parts.dispose();
    }
  }
  return rows;
}

/** `nla bench load` */
export const loadCase: BenchCase = { name: 'load', run };
