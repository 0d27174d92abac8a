import { writeFile } from 'node:fs/promises';
import { modelFolder } from '@nlakit/tiny-gemma4';
import { runCli, type CliIo } from 'nlakit';
import type { Lab } from './lab.js';

/** Steps of the last checkpoint. */
const steps = 6;

/** Folder of the last checkpoint within the run, with slashes. */
export const runSubfolder = `trajectory/step_${String(steps).padStart(6, '0')}`;

/** A run that trained an adapter on the bundled model. */
export interface TrainedRun {
  readonly folder: string;
  readonly subfolder: string;
  readonly modelFolder: string;
}

/** Runs `nla` in this process. Throws with what it said if it fails. */
export async function nla(args: readonly string[], cwd: string): Promise<void> {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const io: CliIo = {
    out: say,
    error: say,
    terminal: false,
    interactive: false,
    color: false,
    columns: 100,
    cwd,
    signal: new AbortController().signal,
  };
  const code = await runCli(args, io);
  if (code !== 0) throw new Error(`nla ${args.join(' ')} ended with ${code}: ${said.join('').slice(-2000)}`);
}

/** A whole `nla run`, a few steps long: data, AV with a rank-stabilised adapter, its trajectory folder. Leaves the wasm backend current. */
export function trainedRun(lab: Lab): Promise<TrainedRun> {
  return lab.once('trained run', async () => {
    const folder = lab.place('run');
    await writeFile(lab.place('nla.config.yaml'), runConfig('@nlakit/tiny-gemma4'));
    await nla(['run', 'nla.config.yaml', '--run-dir', folder], lab.place());
    return { folder, subfolder: runSubfolder, modelFolder };
  });
}

/** The run's config, with the base model from a folder, a data package or the Hub. */
export const runConfig = (source: string): string => `schema: 1
name: python-parity
seed: 0
backend: { use: '@nlakit/backend-wasm' }
quantizer: { use: '@nlakit/ops#plain', options: { dtype: f32 } }
model: { use: '@nlakit/model-gemma4', options: { source: '${source}', layer: 5 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 8, heldOutPerTopic: 4 } }
trainers:
  av:
    use: '@nlakit/trainer-av-sft'
    options:
      steps: ${steps}
      saveEvery: ${steps}
      rank: 4
      alpha: 8
      rankStabilized: true
      dropout: 0.1
      learningRate: 0.008
      schedule: constant
      warmup: 0
      microBatch: 8
      accumulate: 1
      healthRows: 4
      diversityRows: 0
      acknowledgeGuard: true
evaluators: []
publisher: { use: '@nlakit/publisher-directory', options: { to: published } }
`;
