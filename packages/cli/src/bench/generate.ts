import { createSeedStreams } from '@nlakit/run';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { besidePeer } from './beside-peer.js';
import { bundledModelFolder } from './bundled-model-folder.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';
import { besideStock } from './stock-engine.js';

const maxNewTokens = 64;

/**
 * Greedy, cached generation by the bundled model: 64 tokens after prompts of 16 (or `--length`) random ids, one prompt and eight. Python
 * has its turn where weights are f32.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup, length = 16 } = setting;
  const { signal } = context.io;
  const rows: BenchRow[] = [];
  for (const quantizer of ['@nlakit/ops#plain', '@nlakit/quantizer-nf4']) {
    const whatOf = (batch: number): string => `${quantizer}, ${batch} x ${length} + ${maxNewTokens} tokens`;
    const batches = [1, 8].filter((batch) => isWanted(setting, whatOf(batch)));
    if (batches.length === 0) continue;
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const model = await parts.model();
      for (const batch of batches) {
        // A stream for each, so that a row has the same prompts alone and with others.
        const random = createSeedStreams(0).stream('bench.generate');
        const prompts = Array.from({ length: batch }, () =>
          Int32Array.from({ length }, () => Math.floor(random.uniform() * model.spec.vocabularySize)),
        );
        let produced: number[] = [];
        const generate = async (): Promise<void> => {
          produced = [];
          const steps = model.generate({ prompts, overrides: [], perLayerIds: 'marker', maxNewTokens, stopIds: [], signal });
          for await (const { ids } of steps) produced.push(...ids);
        };
        const compared = quantizer === '@nlakit/ops#plain' ? setting : {};
        const peerSettings = { model: bundledModelFolder(), prompts: prompts.map((ids) => [...ids]), newTokens: maxNewTokens };
        const measured = await besidePeer(compared, 'generate.py', peerSettings, (peer) =>
          besideStock(setting, { name: 'generate', what: whatOf(batch) }, (stock) =>
            measure(generate, { repeats, warmup, signal, computed: () => produced, peer, stock, asker: setting.asker }),
          ),
        );
        rows.push({
          case: 'generate',
          what: whatOf(batch),
          backend: setting.backend,
          repeats,
          ...measured,
          rate: produced.length / measured.seconds.median,
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
