import { readFileSync } from 'node:fs';
import type { PluginKind } from '@nlakit/core';
import { templateFiles, type ProjectFiles } from './template-file.js';

/** Read when it runs: only the manifest that was published has ranges; what is built in was built before. */
const ownManifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

/** What the template of a kind is, and what it takes besides what every plugin does. */
interface PluginTemplate {
  /** One line: what the plugin does before anybody has changed it. */
  readonly does: string;
  readonly dependencies?: readonly string[];
  readonly devDependencies?: readonly string[];
  /** Whether it, or what it depends on, computes on tensors: tfjs must then be the one copy of whoever uses the plugin. */
  readonly tensors?: boolean;
  /** The slot of a config, with the package's name as `{{name}}`. */
  readonly slot: string;
}

const pluginTemplates: Readonly<Record<PluginKind, PluginTemplate>> = {
  evaluator: {
    does: 'compares the words of an explanation with those of the label: length, precision, recall and F1',
    dependencies: ['@nlakit/nla'],
    tensors: true,
    slot: "evaluators:\n  - { id: words, use: '{{name}}', options: { rows: 96 } }",
  },
  labeler: {
    does: 'writes an explanation by rule: the topics whose keywords occur in a text, and its last word',
    slot: "labeler: { use: '{{name}}', options: { topics: { animal: [dog, cat] } } }",
  },
  dataset: {
    does: 'reads the parquet files of an NLA dataset and cuts every explanation to its first words',
    dependencies: ['@nlakit/dataset-parquet'],
    devDependencies: ['@nlakit/dataset'],
    slot: "dataset: { use: '{{name}}', options: { avSft: ./av.parquet, arSft: ./ar.parquet, heldOut: ./held_out.parquet, words: 12 } }",
  },
  injector: {
    does: "replaces the marker's embedding by the vector, brought to a multiple of the square root of the model's width",
    dependencies: ['@nlakit/injector-embedding'],
    slot: "injector: { use: '{{name}}', options: { factor: 1 } }",
  },
  trainer: {
    does: 'is the AV trainer of nlakit with the perplexity beside the loss of every step',
    dependencies: ['@nlakit/trainer-av-sft'],
    tensors: true,
    slot: "trainers:\n  av: { use: '{{name}}', options: { steps: 150, saveEvery: 50 } }",
  },
  publisher: {
    does: 'publishes into a folder and leaves out what you name, with a reason in the plan',
    dependencies: ['@nlakit/publisher-directory'],
    slot: "publisher: { use: '{{name}}', options: { to: ./published, leaveOut: [figures/] } }",
  },
  quantizer: {
    does: 'rounds every row of a weight to so many bits, to see what that costs before a packed format is written',
    dependencies: ['@nlakit/ops'],
    tensors: true,
    slot: "quantizer: { use: '{{name}}', options: { bits: 8 } }",
  },
  backend: {
    does: "makes tfjs' own JavaScript backend usable: slow, exact, without anything native",
    dependencies: ['@tensorflow/tfjs-backend-cpu'],
    devDependencies: ['@nlakit/ops'],
    tensors: true,
    slot: "backend: { use: '{{name}}' }",
  },
  model: {
    does: 'loads a Gemma 4 checkpoint, the bundled one unless another is named, and refuses layers too near the output to be explained',
    dependencies: ['@nlakit/model-gemma4', '@nlakit/tiny-gemma4'],
    devDependencies: ['@nlakit/backend-wasm'],
    tensors: true,
    slot: "model: { use: '{{name}}', options: { layer: 5 } }",
  },
};

/** The kinds of plugin that a project can be made for, those that researchers swap first. */
export const pluginKinds = Object.keys(pluginTemplates) as readonly PluginKind[];

/** What the plugin of a new project does before anybody has changed it. */
export function pluginDoes(kind: PluginKind): string {
  return pluginTemplates[kind].does;
}

/** A plugin as a package of its own, with a working start and the conformance test of its kind. */
export async function pluginProject(kind: PluginKind, name: string): Promise<ProjectFiles> {
  const { does, dependencies = [], devDependencies = [], tensors = false, slot } = pluginTemplates[kind];
  const tfjs = tensors ? ['@tensorflow/tfjs-core'] : [];
  const manifest = {
    name,
    version: '0.1.0',
    description: `An nlakit plugin: ${kind} that ${does}.`,
    type: 'module',
    keywords: ['nla-plugin', `nla-${kind}`],
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
    files: ['dist'],
    engines: ownManifest.engines,
    scripts: { build: 'tsc -p tsconfig.build.json', typecheck: 'tsc', test: 'vitest run', prepack: 'npm run build' },
    dependencies: versions(['@nlakit/core', 'zod', ...dependencies]),
    ...(tensors ? { peerDependencies: versions(tfjs, '*') } : {}),
    // The types of core name those of tfjs.
    devDependencies: versions(['@nlakit/conformance', '@tensorflow/tfjs-core', '@types/node', 'typescript', 'vitest', ...devDependencies]),
  };
  const values = { name, kind, does, slot: slot.replaceAll('{{name}}', name) };
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    ...(await templateFiles('plugin/any', values)),
    ...(await templateFiles(`plugin/${kind}`, values)),
  };
}

/** Ranges as this package was published with; in the repository itself, where nothing is published yet, `otherwise`. */
function versions(names: readonly string[], otherwise = 'latest'): Record<string, string> {
  const ranges: Readonly<Record<string, string>> = { ...ownManifest.devDependencies, ...ownManifest.dependencies };
  const published = (range = 'workspace:'): string => {
    if (/^(?:workspace|catalog):/.test(range)) return otherwise;
    return /^\d/.test(range) ? `^${range}` : range;
  };
  return Object.fromEntries([...names].sort().map((name) => [name, published(ranges[name])]));
}
