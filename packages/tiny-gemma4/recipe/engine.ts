import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NlaError } from '@nlakit/core';
import { tf } from '@nlakit/ops';

/** What computes: nlakit's own WebAssembly backend, or a tfjs-node installed in some folder. */
export type EngineChoice = { readonly kind: 'wasm' } | { readonly kind: 'tfjs-node'; readonly folder: string };

/**
 * Makes the engine the current tfjs backend.
 *
 * @returns one line about it, for the record.
 * Throws `E_ENGINE_MISSING` when tfjs-node is not in the folder's `node_modules`.
 */
export async function startEngine(choice: EngineChoice): Promise<string> {
  tf.env().set('PROD', true);
  if (choice.kind === 'wasm') {
    const { createWasmBackend } = await import('@nlakit/backend-wasm');
    return (await createWasmBackend()).description;
  }
  const resolve = createRequire(pathToFileURL(join(choice.folder, 'package.json')));
  try {
    resolve('@tensorflow/tfjs-node');
  } catch (cause) {
    throw new NlaError('E_ENGINE_MISSING', {
      message: 'tfjs-node cannot be loaded.',
      file: choice.folder,
      expected: 'a folder whose node_modules holds @tensorflow/tfjs-node',
      kind: 'input',
      cause,
    });
  }
  // Registries and the engine are global: the other copy of tfjs has registered its kernels for ours too.
  await tf.setBackend('tensorflow');
  await tf.ready();
  const { version } = resolve('@tensorflow/tfjs-node/package.json') as { version: string };
  return `tfjs-node ${version} (libtensorflow on CPU)`;
}
