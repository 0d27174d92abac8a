import {
  blockOutput,
  NlaError,
  type ForwardInput,
  type ForwardOutput,
  type HostTensor,
  type JsonValue,
  type LoraAdapter,
  type LoraPair,
  type Model,
  type ModelSpec,
  type NamedTensors,
  type Quantizer,
  type Tokenizer,
} from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { roundToBf16 } from '@nlakit/safetensors';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs-core';
import { parseGemma4Config, type Gemma4Config } from './config.js';
import { createDecoder } from './decoder.js';
import { generate } from './generate.js';
import { createHead } from './head.js';
import { gemma4Inventory, parameterCount } from './inventory.js';
import { checkInput, planPass, typeConstants } from './pass-plan.js';
import { createSegments, stateNames } from './segments.js';
import { arraySource, type WeightSource } from './weight-source.js';
import { findPrefix, footprintOf, loadWeights, prefixes, type WeightOptions } from './weights.js';

/** Precision in which the embedding scale is held: `bf16` gives 39.25 for a width of 1536, as bf16 references have it, f32 gives 39.1918. */
export type ScaleDtype = 'f32' | 'bf16';

/** What {@link createGemma4} and {@link gemma4FromSource} need besides the weights. */
export interface Gemma4Options {
  /** The model's `config.json`, either spelling. */
  readonly config: Readonly<Record<string, JsonValue>>;
  readonly tokenizer: Tokenizer;
  /** Packs the linears; not needed when `trainable`. */
  readonly quantizer?: Quantizer;
  /** Keeps every weight as an f32 variable, differentiable, listed by `parameters()`. Default false. */
  readonly trainable?: boolean;
  /** Default `f32`. */
  readonly scaleDtype?: ScaleDtype;
  /** Name for sidecars and cards. Default `gemma4`. */
  readonly name?: string;
  /** Hash of the files the weights come from, if they come from files. */
  readonly fingerprint?: string;
  /** Largest embedding table kept on the backend, bytes of f32 (default: 1 GiB and, for the per-layer table, 64 MiB). */
  readonly residentBytes?: NonNullable<WeightOptions['residentBytes']>;
}

/** A Gemma 4 model with its derived configuration. */
export interface Gemma4Model extends Model {
  readonly architecture: Gemma4Config;
}

/** Makes a model from arrays in memory: checkpoint name to f32 values. Throws `E_MODEL_…` as a load from disk does. */
export function createGemma4(options: Gemma4Options & { readonly tensors: ReadonlyMap<string, HostTensor> }): Promise<Gemma4Model> {
  return gemma4FromSource(arraySource(options.tensors), options);
}

/** What is known of a model from its configuration and the names of its tensors. */
export function describeGemma4(
  config: Readonly<Record<string, JsonValue>>,
  prefix: string,
  {
    name = 'gemma4',
    scaleDtype = 'f32',
    fingerprint,
    residentBytes,
  }: Pick<Gemma4Options, 'name' | 'scaleDtype' | 'fingerprint' | 'residentBytes'> = {},
): ModelSpec {
  const architecture = parseGemma4Config(config);
  const linears = new Map<string, readonly [number, number]>();
  for (const [tensor, { role, shape }] of gemma4Inventory(architecture)) {
    if (role === 'linear') linears.set(prefix + tensor.replace(/\.weight$/, ''), shape as readonly [number, number]);
  }
  return {
    name,
    architecture: 'gemma4_text',
    dModel: architecture.dModel,
    layers: architecture.layers.length,
    vocabularySize: architecture.vocabularySize,
    embeddingScale: scaleRounding(scaleDtype)(Math.sqrt(architecture.dModel)),
    hookPoints: architecture.layers.map(({ index }) => blockOutput(index)),
    linears,
    parameters: parameterCount(architecture),
    footprint: footprintOf(architecture, residentBytes),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    config,
  };
}

/** Makes a model from any source of weights. Errors as {@link createGemma4}; the source may be closed unless a table stays in it. */
export async function gemma4FromSource(source: WeightSource, options: Gemma4Options): Promise<Gemma4Model> {
  const { config, tokenizer, quantizer, trainable = false, scaleDtype = 'f32', residentBytes } = options;
  const architecture = parseGemma4Config(config);
  const prefix = findPrefix(source.names());
  const spec = describeGemma4(config, prefix, options);
  const weights = await loadWeights(architecture, source, {
    prefix,
    trainable,
    ...(quantizer === undefined ? {} : { quantizer }),
    ...(residentBytes === undefined ? {} : { residentBytes }),
  });
  const decoder = createDecoder(architecture, weights, scaleRounding(scaleDtype));
  const head = createHead(architecture, weights.embedding);

  const checked = (input: ForwardInput): void => {
    checkInput(architecture, input);
    const unknown = input.capture?.find((name) => !reached(spec, input, name));
    if (unknown === undefined) return;
    throw new NlaError('E_HOOK_POINT', {
      message: 'A hook point does not exist or lies behind the block where the pass stops.',
      found: unknown,
      expected: `blocks.0.hook_out to ${blockOutput(input.stopAfterBlock ?? spec.layers - 1)}`,
      kind: 'input',
    });
  };

  return {
    spec,
    architecture,
    tokenizer,
    head,
    adapt: (adapter) => decoder.attach(adapter, adapter === null ? new Map() : pairsByModule(adapter, spec, prefix)),

    forward(input): ForwardOutput {
      checked(input);
      const plan = planPass(input);
      const state = tf.tidy(() => {
        const constants = { sliding: typeConstants(architecture, 'sliding', plan), full: typeConstants(architecture, 'full', plan) };
        let current: NamedTensors = {};
        for (const segment of createSegments(architecture, decoder, input, plan, (type) => constants[type])) {
          const next = segment.run(current);
          // Freed at once, not at the end of the pass: with a long stack the difference is most of the memory.
          const kept = new Set(Object.values(next));
          for (const tensor of Object.values(current)) if (!kept.has(tensor)) tensor.dispose();
          current = next;
        }
        return Object.fromEntries(Object.entries(current).filter(([name]) => name === stateNames.final || input.capture?.includes(name)));
      });
      const { [stateNames.final]: final, ...hidden } = state as Record<string, Tensor3D>;
      return { hidden: hidden, ...(final === undefined ? {} : { final }) };
    },

    segments(input) {
      checked(input);
      return createSegments(architecture, decoder, input, planPass(input));
    },

    generate: (input) => generate(architecture, decoder, head, input),

    async embed(ids) {
      const rows = tf.tidy(() => decoder.embed({ tokens: ids, length: ids.length }));
      const values = (await rows.data()) as Float32Array;
      rows.dispose();
      return values;
    },

    ...(weights.parameters === undefined ? {} : { parameters: () => weights.parameters as ReadonlyMap<string, Tensor> }),

    dispose: () => weights.dispose(),
  };
}

function reached(spec: ModelSpec, input: ForwardInput, name: string): boolean {
  const index = spec.hookPoints.indexOf(name);
  return index >= 0 && index <= (input.stopAfterBlock ?? spec.layers - 1);
}

/** The adapter's pairs by module path without prefix. Both prefixes mean the same linear, whichever the checkpoint has. */
function pairsByModule(adapter: LoraAdapter, spec: ModelSpec, prefix: string): Map<string, LoraPair> {
  const pairs = new Map<string, LoraPair>();
  for (const [path, pair] of adapter.pairs) {
    const stem = prefixes.find((candidate) => path.startsWith(candidate));
    const module = stem === undefined ? path : path.slice(stem.length);
    const shape = spec.linears.get(prefix + module);
    if (shape === undefined) {
      throw new NlaError('E_LORA_TARGET', {
        message: 'The adapter targets a linear that the model does not have.',
        found: path,
        expected: `one of ${spec.linears.size} linears, for instance ${[...spec.linears.keys()][1]}`,
        fix: 'Layers that take keys and values from a donor have no k_proj and v_proj.',
        kind: 'input',
      });
    }
    const [out, inn] = shape;
    if (pair.a.shape[1] !== inn || pair.b.shape[0] !== out || pair.a.shape[0] !== pair.b.shape[1]) {
      throw new NlaError('E_LORA_TARGET', {
        message: `The adapter does not fit ${path}.`,
        found: `A [${pair.a.shape.join(', ')}], B [${pair.b.shape.join(', ')}]`,
        expected: `A [rank, ${inn}], B [${out}, rank]`,
        kind: 'input',
      });
    }
    pairs.set(module, pair);
  }
  return pairs;
}

function scaleRounding(dtype: ScaleDtype): (scale: number) => number {
  return dtype === 'f32' ? Math.fround : (scale) => roundToBf16(Float32Array.of(scale))[0] ?? scale;
}
