import { createRunParts, preparePlugin, type PluginSlot, type RunParts } from '@nlakit/run';
import type { BenchSetting } from './bench-case.js';

/** The bundled model, which is there wherever the command line is. */
const bundledModel = '@nlakit/tiny-gemma4';

/** The backend that is measured, and the bundled model on it. The caller disposes the parts. */
export async function openBenchParts({ context, backend, backendOptions }: BenchSetting, quantizer?: PluginSlot): Promise<RunParts> {
  const { io, host, log } = context;
  const source = { folder: io.cwd, host };
  return createRunParts({
    plugins: {
      backend: await preparePlugin(
        'backend',
        { use: backend, ...(backendOptions === undefined ? {} : { options: backendOptions }) },
        source,
      ),
      quantizer: await preparePlugin('quantizer', quantizer ?? { use: '@nlakit/ops#plain', options: { dtype: 'f32' } }, source),
      model: await preparePlugin('model', { use: '@nlakit/model-gemma4', options: { source: bundledModel } }, source),
      trainers: {},
      evaluators: [],
    },
    seed: 0,
    baseFolder: io.cwd,
    signal: io.signal,
    log,
  });
}
