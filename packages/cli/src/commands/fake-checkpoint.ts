import { copyFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { atomicWriteFile, writeSafetensors, type TensorEntry } from '@nlakit/safetensors';
import { wholeNumber, type CommandContext } from '../command-context.js';
import { exists } from '../exists.js';
import { formatBytes } from '../format-bytes.js';
import { makeNewFolder } from '../new-folder.js';
import { readModelConfig } from '../read-model-config.js';
import { randomWeights, sampleTable } from '../random-weights.js';

/** Text files that a model folder may have beside its config; a checkpoint without a tokenizer can only be run on raw ids. */
const companions = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'chat_template.jinja'];

/**
 * `nla fake-checkpoint`: random bfloat16 weights of the geometry in a `config.json`, written piece by piece. Linears and tables are normal
 * with the variance that keeps activations of order one, norms lie around 1 and those of queries and keys around headDim^(-1/4), because
 * they carry the scale of the scores; layer scalars lie between 0.2 and 0.8: a decoder that forgets one of them does not pass unnoticed.
 * The same config and seed give the same bytes.
 */
export async function fakeCheckpoint(
  context: CommandContext,
  options: { readonly config: string; readonly out: string; readonly seed: string },
): Promise<undefined> {
  const { io, log } = context;
  const started = performance.now();
  const seed = wholeNumber(options.seed, '--seed', 0);
  const configFile = resolve(io.cwd, options.config);
  const folder = resolve(io.cwd, options.out);
  const config = await readModelConfig(configFile);
  const { gemma4Inventory, parseGemma4Config } = await import('@nlakit/model-gemma4');
  const architecture = parseGemma4Config(config, configFile);
  // A multimodal config keeps the decoder one level further down, in the file as in the config.
  const prefix = typeof config['text_config'] === 'object' ? 'model.language_model.' : 'model.';

  await makeNewFolder(folder);
  const random = createSeedStreams(seed).stream('fake-checkpoint');
  const normal = sampleTable(random, (stream) => stream.normal());
  const uniform = sampleTable(random, (stream) => 2 * stream.uniform() - 1);
  const entries = new Map<string, TensorEntry>();
  let parameters = 0;
  let written = 0;
  for (const [name, { role, shape }] of gemma4Inventory(architecture)) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    parameters += count;
    const width = name === 'embed_tokens_per_layer.weight' ? architecture.perLayerWidth : (shape[1] ?? 1);
    const values = name.endsWith('layer_scalar')
      ? { table: uniform, scale: 0.3, offset: 0.5 }
      : role === 'vector'
        ? { table: normal, scale: 0.1 * typicalNorm(name, count), offset: typicalNorm(name, count) }
        : { table: normal, scale: 1 / Math.sqrt(width) };
    entries.set(`${prefix}${name}`, {
      dtype: 'BF16',
      shape,
      *data() {
        for (const piece of randomWeights(values.table, { seed, name, count, ...values })) {
          if (io.signal.aborted) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: no weights were written.' });
          written += piece.byteLength;
          log.progress({ task: 'fake checkpoint', done: written, total: parameters * 2, unit: 'bytes' });
          yield piece;
        }
      },
    });
  }
  const bytes = await writeSafetensors(join(folder, 'model.safetensors'), entries, { format: 'pt' });
  await atomicWriteFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  for (const file of companions) {
    const source = join(dirname(configFile), file);
    if (await exists(source)) await copyFile(source, join(folder, file));
  }
  const seconds = (performance.now() - started) / 1000;
  context.print(
    { folder, seed, tensors: entries.size, parameters, bytes, seconds },
    () =>
      `${folder}: ${entries.size} tensors, ${parameters.toLocaleString('en')} parameters, ${formatBytes(bytes)}, ${seconds.toFixed(1)} s`,
  );
  return undefined;
}

/** What a norm's weights lie around: with query and key norms of 1, scores would be sqrt(headDim) wide and gradients would explode. */
function typicalNorm(name: string, width: number): number {
  return /\.[qk]_norm\.weight$/.test(name) ? width ** -0.25 : 1;
}
