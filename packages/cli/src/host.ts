import type { RunHost } from '@nlakit/run';

/** Backends that are installed together with the command line. The first is what commands use that are told none. */
export const bundledBackends = ['@nlakit/backend-wasm', '@nlakit/backend-tfjs-node-gpu', '@nlakit/backend-webgpu'];

/**
 * Backends that `use: auto` may become, in the order in which they are tried. Only the first runs everywhere; the others need a library
 * or a device, and have to be clearly faster to be taken.
 */
export const knownBackends = ['@nlakit/backend-wasm', '@nlakit/backend-tfjs-node-gpu', '@nlakit/backend-webgpu'];

/** Plugins that are installed together with the command line; a config may name them without installing anything. */
export const bundledPlugins = [
  ...bundledBackends,
  '@nlakit/quantizer-nf4',
  '@nlakit/ops#plain',
  '@nlakit/model-gemma4',
  '@nlakit/injector-embedding',
  '@nlakit/dataset-wordnet',
  '@nlakit/dataset-parquet',
  '@nlakit/dataset-corpus',
  '@nlakit/labeler-wordnet',
  '@nlakit/labeler-chat',
  '@nlakit/trainer-ar-sft',
  '@nlakit/trainer-av-sft',
  '@nlakit/evaluator-h5',
  '@nlakit/evaluator-retrieval',
  '@nlakit/evaluator-patching',
  '@nlakit/evaluator-ceiling',
  '@nlakit/evaluator-judge',
  '@nlakit/publisher-directory',
  '@nlakit/publisher-huggingface',
];

/** What the command line offers to runs: its own plugins, imported when they are asked for. */
export function cliHost(): RunHost {
  return {
    bundled: async (specifier) => (await import(/* @vite-ignore */ specifier)) as unknown,
    bundledNames: bundledPlugins.map((name) => name.replace(/#.*$/, '')),
    backends: automaticBackends(process.env['NLAKIT_BACKENDS']),
  };
}

/** The candidates of `auto`: those of the environment variable `NLAKIT_BACKENDS` (specifiers with commas), or all known ones. */
function automaticBackends(named: string | undefined): readonly string[] {
  const chosen = (named ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  return chosen.length > 0 ? chosen : knownBackends;
}
