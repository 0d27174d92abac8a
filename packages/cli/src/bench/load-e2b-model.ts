import { join, resolve } from 'node:path';
import type { Backend, JsonValue, Model, Quantizer } from '@nlakit/core';
import type { BenchSetting } from './bench-case.js';
import geometry from './gemma-4-e2b.config.json' with { type: 'json' };

/** The model in `--model`, or random weights of the geometry of Gemma-4-E2B made in memory. */
export async function loadE2bModel(
  { context, model }: BenchSetting,
  { capabilities }: Backend,
  quantizer: Quantizer | undefined,
): Promise<Model> {
  const { absentTokenizer, loadModelWithoutTokenizer } = await import('../model-without-tokenizer.js');
  if (model !== undefined) return loadModelWithoutTokenizer(resolve(context.io.cwd, model), { quantizer });
  const { gemma4FromSource, residentLimits } = await import('@nlakit/model-gemma4');
  const { randomWeights } = await import('../random-weights.js');
  const config: Readonly<Record<string, JsonValue>> = geometry;
  return gemma4FromSource(randomWeights(config, 0).source, {
    config,
    tokenizer: absentTokenizer(config, join(context.io.cwd, 'gemma-4-e2b')),
    residentBytes: residentLimits(capabilities),
    ...(quantizer === undefined ? {} : { quantizer }),
  });
}
