import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraAdapter, type Model, type NlaContract, NlaError, type Warning } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import {
  arPromptIds,
  checkContract,
  checkCriticLayers,
  contractOf,
  type ContractSupplement,
  type ModelSidecar,
  SIDECAR_FILE,
} from '@nlakit/sidecar';
import { chunks } from './chunks.js';
import { lastTokenHidden } from './last-token-hidden.js';
import { loadAdapter } from './load-adapter.js';
import { readModelSidecar } from './read-model-sidecar.js';
import { readValueHead } from './value-head.js';
import { withAdapter } from './with-adapter.js';

/** How texts are reconstructed. */
export interface ReconstructOptions {
  /** Texts in one pass; default 16. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
  /** Called after each pass with the number of texts done so far. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Predicts residual-stream vectors from explanations. */
export interface Reconstructor {
  readonly contract: NlaContract;
  readonly sidecar: ModelSidecar;
  /** Fields of the adapter's configuration that were ignored. */
  readonly warnings: readonly Warning[];
  /**
   * One vector `[dModel]` for each text, in their order. Texts go into the AR prompt trimmed; the empty text is a text like any other. Only
   * the direction of a prediction is trained. Throws `E_RECONSTRUCTION_VALUE` for a prediction that is not finite.
   */
  reconstruct(texts: readonly string[], options?: ReconstructOptions): Promise<Float32Array[]>;
  dispose(): void;
}

/** Where a reconstructor comes from. */
export interface OpenReconstructorOptions {
  /**
   * `adapter_config.json`, `adapter_model.safetensors`, `value_head.safetensors` (or the `linear_head.pt` of the SolshineCode releases) and
   * `nla_meta.yaml`. Without `adapter_config.json`, if the sidecar is kitft's: all weights were trained, and `model` is the reconstructor.
   */
  readonly folder: string;
  /** Sidecar to use instead of the folder's; releases without one need it. */
  readonly sidecarFile?: string;
  /** Blocks that are computed before the head, where the sidecar does not state `ar.truncation`; default K + 1. The SolshineCode releases have 18. */
  readonly truncation?: number;
  /** The base model. It is shared, not owned: the adapter is on it during `reconstruct` only. */
  readonly model: Model;
  /** What an incomplete published sidecar leaves out. */
  readonly supplement?: ContractSupplement;
}

/**
 * Opens a reconstructor from its checkpoint folder. Throws what reading adapter, head and sidecar throws, `E_CONTRACT_…` where sidecar and
 * model do not fit, `E_SIDECAR_ROLE` for a verbalizer's folder, `E_RECONSTRUCTOR_DEPTH` for a truncation that the model does not have and
 * `E_VALUE_HEAD` for a head of another form than `[dModel, dModel]`, with or without bias.
 */
export async function openReconstructor(options: OpenReconstructorOptions): Promise<Reconstructor> {
  const { folder, model } = options;
  const sidecar = await readModelSidecar(options.sidecarFile ?? join(folder, SIDECAR_FILE), 'ar');
  const contract = contractOf(sidecar, options.supplement);
  checkContract(contract, model.tokenizer, model.spec);
  const truncation = sidecar.truncation ?? options.truncation ?? contract.layer + 1;
  if (!Number.isSafeInteger(truncation) || truncation < 1 || truncation > model.spec.layers)
    throw wrongTruncation(truncation, model.spec.layers);
  const { weight, bias } = await readValueHead(folder, contract.dModel);
  const adapter =
    sidecar.dialect.startsWith('kitft') && !(await hasAdapter(folder)) ? undefined : await loadAdapter(folder, model.spec, truncation);
  // Without an adapter the model itself is the reconstructor, cut off behind block K.
  if (adapter === undefined && sidecar.truncation === null && options.truncation === undefined)
    checkCriticLayers(contract, model.spec.layers);
  const head = tf.tensor2d(weight, [contract.dModel, contract.dModel]);
  const headBias = bias === undefined ? undefined : tf.tensor1d(bias);
  const parts: ReconstructorParts = {
    contract,
    adapter: adapter?.adapter ?? null,
    model,
    head,
    readLayer: truncation - 1,
    ...(headBias === undefined ? {} : { headBias }),
  };
  return {
    contract,
    sidecar,
    warnings: adapter?.warnings ?? [],
    reconstruct: (texts, reconstructOptions = {}) => reconstructWith(parts, texts, reconstructOptions),
    dispose() {
      adapter?.dispose();
      head.dispose();
      headBias?.dispose();
    },
  };
}

function hasAdapter(folder: string): Promise<boolean> {
  return access(join(folder, 'adapter_config.json')).then(
    () => true,
    () => false,
  );
}

function wrongTruncation(truncation: number, layers: number): NlaError {
  return new NlaError('E_RECONSTRUCTOR_DEPTH', {
    message: 'The reconstructor computes a number of blocks that the model does not have.',
    found: String(truncation),
    expected: `1 to ${layers}`,
    kind: 'input',
  });
}

/** What a reconstruction is made with. */
export interface ReconstructorParts {
  readonly contract: NlaContract;
  readonly adapter: LoraAdapter | null;
  readonly model: Model;
  /** `[dModel, dModel]`, out × in. */
  readonly head: tf.Tensor2D;
  /** `[dModel]`, added behind the head. */
  readonly headBias?: tf.Tensor1D;
  /** Block whose output the head reads; default: the contract's layer. */
  readonly readLayer?: number;
}

/** {@link Reconstructor.reconstruct} on parts that need not come from a folder; training measures its adapters with it. */
export async function reconstructWith(
  parts: ReconstructorParts,
  texts: readonly string[],
  options: ReconstructOptions,
): Promise<Float32Array[]> {
  const { contract, model } = parts;
  const prompts = texts.map((text) => arPromptIds(contract, model.tokenizer, text.trim()));
  // Prompts of similar length share a pass; the results go back into the order of the texts.
  const order = prompts
    .map((ids, index) => ({ index, length: ids.length }))
    .sort((one, other) => one.length - other.length || one.index - other.index);
  const results = new Array<Float32Array>(texts.length);
  let done = 0;
  await withAdapter(model, parts.adapter, async () => {
    for (const group of chunks(order, options.batch ?? 16)) {
      options.signal?.throwIfAborted();
      const rows = group.map(({ index }) => prompts[index] ?? new Int32Array());
      const predicted = tf.tidy(() => {
        const hidden = lastTokenHidden(model, rows, parts.readLayer ?? contract.layer, { perLayerIds: contract.perLayerIds });
        const turned = tf.matMul(hidden, parts.head, false, true);
        return parts.headBias === undefined ? turned : tf.add(turned, parts.headBias);
      });
      const data = (await predicted.data()) as Float32Array;
      predicted.dispose();
      group.forEach(({ index }, place) => {
        const vector = data.slice(place * contract.dModel, (place + 1) * contract.dModel);
        if (!vector.every(Number.isFinite)) throw notFinite(texts[index] ?? '');
        results[index] = vector;
      });
      done += group.length;
      options.onProgress?.(done, texts.length);
    }
  });
  return results;
}

/** A cosine with NaN is NaN, and so is every mean it gets into: better said here, with the text at fault. */
function notFinite(text: string): NlaError {
  return new NlaError('E_RECONSTRUCTION_VALUE', {
    message: 'The reconstructor predicted a vector that is not finite.',
    found: `from the text ${JSON.stringify(text.slice(0, 80))}`,
    expected: 'finite numbers',
    fix: 'Its training diverged or its files are damaged: use an earlier checkpoint.',
  });
}
