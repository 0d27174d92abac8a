import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { besidePeer } from './beside-peer.js';
import { bundledModelFolder } from './bundled-model-folder.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

const prompt = [2];

/**
 * Loading the bundled model on a backend that has started: reading, checking, packing, uploading, tokenizer included; alone, and with the
 * first token it generates. Python has its turn where weights are f32.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup } = setting;
  const { signal } = context.io;
  const rows: BenchRow[] = [];
  for (const quantizer of ['@nlakit/ops#plain', '@nlakit/quantizer-nf4']) {
    const wanted = [
      { what: quantizer, newTokens: 0 },
      { what: `${quantizer}, and its first token`, newTokens: 1 },
    ].filter(({ what }) => isWanted(setting, what));
    if (wanted.length === 0) continue;
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const loader = await parts.loader();
      const { parameters } = await loader.describe();
      for (const { what, newTokens } of wanted) {
        const load = async (): Promise<void> => {
          const model = await loader.load();
          if (newTokens > 0) {
            const prompts = [Int32Array.from(prompt)];
            const steps = model.generate({ prompts, overrides: [], perLayerIds: 'marker', maxNewTokens: newTokens, stopIds: [], signal });
            for await (const { ids } of steps) if (ids.length === 0) break;
          }
          model.dispose();
        };
        const compared = quantizer === '@nlakit/ops#plain' ? setting : {};
        const peerSettings = { model: bundledModelFolder(), prompt, newTokens };
        const measured = await besidePeer(compared, 'load.py', peerSettings, (peer) => measure(load, { repeats, warmup, signal, peer }));
        rows.push({
          case: 'load',
          what,
          backend: setting.backend,
          repeats,
          ...measured,
          rate: parameters / measured.seconds.median,
          rateUnit: 'weights/s',
          peakBytes: peakResidentBytes(),
          backendPeakBytes: backend.memory().peakBytes,
          details: { parameters },
        });
      }
    } finally {
      await parts.dispose();
    }
  }
  return rows;
}

/** `nla bench load` */
export const loadCase: BenchCase = { name: 'load', run };
