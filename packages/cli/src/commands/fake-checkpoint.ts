import { copyFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { atomicWriteFile, writeSafetensors, type TensorEntry } from '@nlakit/safetensors';
import { wholeNumber, type CommandContext } from '../command-context.js';
import { exists } from '../exists.js';
import { formatBytes } from '../format-bytes.js';
import { makeNewFolder } from '../new-folder.js';

/** Values written at a time: 2 MiB of bfloat16. */
const pieceValues = 1 << 20;

/** Text files that a model folder may have beside its config; a checkpoint without a tokenizer can only be run on raw ids. */
const companions = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'chat_template.jinja'];

/**
 * `nla fake-checkpoint`: random bfloat16 weights of the geometry in a `config.json`, written piece by piece. No norm or layer scalar is
 * one on average, so a decoder that forgets one does not pass unnoticed. The same config and seed give the same bytes.
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
  const { readModelConfig } = await import('@nlakit/model-gemma4');
  const config = await readModelConfig(configFile);
  const { gemma4ConfigText } = await import('@nlakit/model-gemma4');
  const { randomWeights, rowsOf } = await import('../random-weights.js');
  const weights = randomWeights(config, seed, configFile);

  await makeNewFolder(folder);
  const entries = new Map<string, TensorEntry>();
  let parameters = 0;
  let written = 0;
  for (const [name, tensor] of weights.tensors) {
    const count = tensor.shape.reduce((product, extent) => product * extent, 1);
    parameters += count;
    const total = rowsOf(tensor);
    const step = Math.max(1, Math.floor(pieceValues / (count / total)));
    entries.set(`${weights.prefix}${name}`, {
      dtype: 'BF16',
      shape: tensor.shape,
      *data() {
        for (let row = 0; row < total; row += step) {
          if (io.signal.aborted) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: no weights were written.' });
          const piece = new Uint8Array(weights.rows(name, row, Math.min(step, total - row)).buffer);
          written += piece.byteLength;
          log.progress({ task: 'fake checkpoint', done: written, total: parameters * 2, unit: 'bytes' });
          yield piece;
        }
      },
    });
  }
  const bytes = await writeSafetensors(join(folder, 'model.safetensors'), entries, { format: 'pt' });
  await atomicWriteFile(join(folder, 'config.json'), gemma4ConfigText(config));
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
