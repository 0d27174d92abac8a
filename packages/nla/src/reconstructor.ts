import { join } from 'node:path';
import { type LoraAdapter, type Model, type NlaContract, NlaError } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { openSafetensors } from '@nlakit/safetensors';
import { arPromptIds, checkContract, contractOf, type ContractSupplement, type ModelSidecar } from '@nlakit/sidecar';
import { chunks } from './chunks.js';
import { lastTokenHidden } from './last-token-hidden.js';
import { loadAdapter } from './load-adapter.js';
import { readModelSidecar } from './read-model-sidecar.js';
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
  /**
   * One vector `[dModel]` for each text, in their order. Texts go into the AR prompt trimmed; the empty text is a text like any other. Only
   * the direction of a prediction is trained. Throws `E_RECONSTRUCTION_VALUE` for a prediction that is not finite.
   */
  reconstruct(texts: readonly string[], options?: ReconstructOptions): Promise<Float32Array[]>;
  dispose(): void;
}

/** Where a reconstructor comes from. */
export interface OpenReconstructorOptions {
  /** `adapter_config.json`, `adapter_model.safetensors`, `value_head.safetensors`, `nla_meta.yaml`. */
  readonly folder: string;
  /** The base model. It is shared, not owned: the adapter is on it during `reconstruct` only. */
  readonly model: Model;
  /** What an incomplete published sidecar leaves out. */
  readonly supplement?: ContractSupplement;
}

/**
 * Opens a reconstructor from its checkpoint folder. Throws what reading adapter, head and sidecar throws, `E_CONTRACT_…` where sidecar and
 * model do not fit, `E_SIDECAR_ROLE` for a verbalizer's folder and `E_VALUE_HEAD` for a head of another form than `[dModel, dModel]`.
 */
export async function openReconstructor(options: OpenReconstructorOptions): Promise<Reconstructor> {
  const { folder, model } = options;
  const sidecar = await readModelSidecar(join(folder, 'nla_meta.yaml'), 'ar');
  const contract = contractOf(sidecar, options.supplement);
  checkContract(contract, model.tokenizer, model.spec);
  const headValues = await readValueHead(join(folder, 'value_head.safetensors'), contract.dModel);
  const adapter = await loadAdapter(folder);
  const head = tf.tensor2d(headValues, [contract.dModel, contract.dModel]);
  return {
    contract,
    sidecar,
    reconstruct: (texts, reconstructOptions = {}) =>
      reconstructWith({ contract, adapter: adapter.adapter, model, head }, texts, reconstructOptions),
    dispose() {
      adapter.dispose();
      head.dispose();
    },
  };
}

/** What a reconstruction is made with. */
export interface ReconstructorParts {
  readonly contract: NlaContract;
  readonly adapter: LoraAdapter | null;
  readonly model: Model;
  /** `[dModel, dModel]`, out × in. */
  readonly head: tf.Tensor2D;
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
      const predicted = tf.tidy(() =>
        tf.matMul(lastTokenHidden(model, rows, contract.layer, { perLayerIds: contract.perLayerIds }), parts.head, false, true),
      );
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

async function readValueHead(file: string, dModel: number): Promise<Float32Array> {
  const opened = await openSafetensors(file);
  try {
    const shape = opened.tensors.get('weight')?.shape;
    if (shape?.length !== 2 || shape[0] !== dModel || shape[1] !== dModel) {
      throw new NlaError('E_VALUE_HEAD', {
        message: 'The value head does not fit the model.',
        found: shape === undefined ? `tensors ${[...opened.names()].join(', ')}` : `weight of shape [${shape.join(', ')}]`,
        expected: `weight of shape [${dModel}, ${dModel}]`,
        file,
        kind: 'input',
      });
    }
    return await opened.float32('weight');
  } finally {
    await opened.close();
  }
}
