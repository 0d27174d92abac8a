import path from 'node:path';
import { NlaError, type ModelLoader, type ModelSource, type ModelSpec, type Quantizer, type Warning } from '@nlakit/core';
import { openModelFolder } from '@nlakit/safetensors';
import { parseGemma4Config } from './config.js';
import { describeGemma4, gemma4FromSource, type Gemma4Model, type Gemma4Options, type ScaleDtype } from './gemma4-model.js';
import { modelFingerprint } from './model-fingerprint.js';
import { readModelConfig } from './read-model-config.js';
import { resolveSource } from './resolve-source.js';
import { readTokenizer } from './tokenizer.js';
import { checkpointSource } from './weight-source.js';
import { findPrefix } from './weights.js';

/** What {@link createGemma4Loader} needs. */
export interface Gemma4LoaderOptions {
  /** The model to load when a call names none: a folder or an npm data package. */
  readonly source: string;
  /** Folder that relative sources start from. Default: the working directory. */
  readonly baseFolder?: string;
  readonly quantizer: Quantizer;
  /** The block whose output is to be read, if the run knows it; checked against the model. */
  readonly layer?: number;
  readonly scaleDtype?: ScaleDtype;
  readonly residentBytes?: NonNullable<Gemma4Options['residentBytes']>;
  /** Told of what is odd about a checkpoint that is loaded, and does no harm. */
  readonly onWarning?: (warning: Warning) => void;
}

/** A loader that makes {@link Gemma4Model}s. */
export interface Gemma4Loader extends ModelLoader {
  load(source?: ModelSource): Promise<Gemma4Model>;
}

/**
 * Loads Gemma 4 models from folders and data packages. Throws `E_MODEL_SOURCE`, `E_MODEL_CONFIG`, `E_MODEL_UNSUPPORTED`,
 * `E_MODEL_TENSOR`, `E_MODEL_STORED_QUANTIZED`, `E_MODEL_LAYER`, `E_TOKENIZER` and the errors of `@nlakit/safetensors`.
 */
export function createGemma4Loader(options: Gemma4LoaderOptions): Gemma4Loader {
  const { quantizer, scaleDtype, residentBytes, layer } = options;
  const open = async (source?: ModelSource) => {
    const { folder, name } = await resolveSource(
      source?.source ?? options.source,
      source?.baseFolder ?? options.baseFolder ?? process.cwd(),
    );
    const config = await readModelConfig(path.join(folder, 'config.json'));
    const { layers } = parseGemma4Config(config, path.join(folder, 'config.json'));
    if (layer !== undefined && layer >= layers.length) {
      throw new NlaError('E_MODEL_LAYER', {
        message: 'The model has no block of that index.',
        found: String(layer),
        expected: `0 to ${layers.length - 1}`,
        kind: 'input',
      });
    }
    return {
      folder,
      name,
      config,
      fingerprint: await modelFingerprint(folder),
      ...(scaleDtype === undefined ? {} : { scaleDtype }),
      ...(residentBytes === undefined ? {} : { residentBytes }),
    };
  };
  return {
    async describe(source): Promise<ModelSpec> {
      const { folder, config, ...rest } = await open(source);
      const file = await openModelFolder(folder);
      try {
        return describeGemma4(config, findPrefix(file.names()), rest);
      } finally {
        await file.close();
      }
    },
    async load(source) {
      const { folder, ...rest } = await open(source);
      const tokenizer = await readTokenizer(folder);
      const file = await openModelFolder(folder, options);
      try {
        return await gemma4FromSource(checkpointSource(file), {
          ...rest,
          tokenizer,
          quantizer,
        });
      } finally {
        await file.close();
      }
    },
  };
}
