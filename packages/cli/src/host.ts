import type { RunHost } from '@nlakit/run';

/** Backends for `use: auto`, best first. */
export const bundledBackends = ['@nlakit/backend-wasm', '@nlakit/backend-webgpu'];

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
    backends: bundledBackends,
  };
}
