import { createSeedStreams } from '@nlakit/run';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

const maxNewTokens = 64;

/** Greedy, cached generation by the bundled model: 64 tokens after prompts of 16 (or `--length`) random ids, one prompt and eight. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, length = 16 } = setting;
  const { signal } = context.io;
  const rows: BenchRow[] = [];
  for (const quantizer of ['@nlakit/ops#plain', '@nlakit/quantizer-nf4']) {
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const model = await parts.model();
      const random = createSeedStreams(0).stream('bench.generate');
      for (const batch of [1, 8]) {
        const prompts = Array.from({ length: batch }, () =>
          Int32Array.from({ length }, () => Math.floor(random.uniform() * model.spec.vocabularySize)),
        );
        let produced = 0;
        const measured = await measure(
          async () => {
            produced = 0;
            const steps = model.generate({ prompts, overrides: [], perLayerIds: 'marker', maxNewTokens, stopIds: [], signal });
            for await (const { ids } of steps) produced += ids.length;
          },
          { repeats, signal },
        );
        rows.push({
          case: 'generate',
          what: `${quantizer}, ${batch} x ${length} + ${maxNewTokens} tokens`,
          backend: setting.backend,
          repeats,
          ...measured,
          rate: produced / measured.seconds.median,
          rateUnit: 'tokens/s',
          peakBytes: peakResidentBytes(),
          backendPeakBytes: backend.memory().peakBytes,
        });
      }
    } finally {
      await parts.dispose();
    }
  }
  return rows;
}

/** `nla bench generate` */
export const generateCase: BenchCase = { name: 'generate', run };
