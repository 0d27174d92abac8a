import { isNlaError, NlaError } from '@nlakit/core';
import { readConfig, silentLogger, startParts, type ConfigOverride, type RunParts, type RunPreparation } from '@nlakit/run';
import { formatBytes } from './format-bytes.js';
import { planMemory } from './plan-memory.js';

/** What is wrong with a config's model on this machine, or why that was not looked at. */
export interface ModelCheck {
  readonly error?: NlaError;
  /** Keys from the top to the value at fault. */
  readonly path?: string;
  readonly note?: string;
}

/**
 * Checks a valid config against its model's description, without weights: the model is supported, has the layer, and fits into the memory
 * of the backend. A model that is not on this machine is a note: configs are also written where they will not run.
 */
export async function checkModel(file: string, preparation: RunPreparation, overrides: readonly ConfigOverride[]): Promise<ModelCheck> {
  const { plugins, resolved } = preparation;
  let parts: RunParts | undefined;
  const placed = async (path: readonly string[], error: NlaError): Promise<ModelCheck> => {
    const place = (await readConfig(file, overrides)).place(path);
    return { path: path.join('.'), error: new NlaError(error.code, { ...error.details, ...place, kind: 'input' }) };
  };
  try {
    ({ parts } = await startParts(preparation, { signal: new AbortController().signal, log: silentLogger }));
    if (plugins.trainers.av === undefined && plugins.trainers.ar === undefined) {
      await (await parts.loader()).describe();
      return {};
    }
    const plan = await planMemory(parts, plugins, resolved.model?.options);
    const { capabilities } = await parts.backend();
    if (capabilities.deviceBytes === undefined || plan.peakBytes <= capabilities.deviceBytes) return {};
    return await placed(
      ['backend', 'use'],
      new NlaError('E_MEMORY_PLAN', {
        message: 'The run will not fit into the memory of this backend.',
        found: `a plan of ${formatBytes(plan.peakBytes)}`,
        expected: `at most ${formatBytes(capabilities.deviceBytes)}`,
        fix: 'See the parts with `nla doctor --config <config>`; a smaller microBatch, maxLength or rank, or another backend, helps.',
      }),
    );
  } catch (error) {
    if (!isNlaError(error)) throw error;
    if (error.code === 'E_MODEL_SOURCE') {
      return { note: `The model is not on this machine, so its layers and the memory plan were not checked: ${error.details.found ?? ''}` };
    }
    if (error.code === 'E_MODEL_LAYER') return await placed(['model', 'options', 'layer'], error);
    return await placed(/^E_(MODEL|TOKENIZER|SAFETENSORS)/.test(error.code) ? ['model', 'options', 'source'] : ['backend', 'use'], error);
  } finally {
    await parts?.dispose();
  }
}
