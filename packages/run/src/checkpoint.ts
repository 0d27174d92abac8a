import { join } from 'node:path';
import type { CheckpointEvent, DatasetDescription, DatasetSplit, GuardReport, Model, NlaContract } from '@nlakit/core';
import { writeAdapter } from '@nlakit/lora';
import { writeSafetensors } from '@nlakit/safetensors';
import { SIDECAR_FILE, writeModelSidecar, type Baselines } from '@nlakit/sidecar';
import { filesBelow, sha256File, writeFileAtomically, writeFolderAtomically } from './file-writing.js';
import type { Role } from './run-layout.js';
import type { BackendStretch } from './resume-state.js';
import { nlakitVersion, type RunRecord } from './run-record.js';

/** What a checkpoint's sidecar says besides the checkpoint itself. */
export interface CheckpointContext {
  readonly role: Role;
  readonly record: RunRecord;
  readonly model: Model;
  readonly layer: number;
  readonly contract: NlaContract;
  readonly description: DatasetDescription;
  readonly split: DatasetSplit;
  readonly baselines: Baselines | undefined;
  readonly guard: (GuardReport & { readonly override: boolean }) | undefined;
  /** The engines trained on so far, the present one last. */
  readonly backends: readonly BackendStretch[];
}

/**
 * Writes one step folder: adapter, extra tensors, sidecar. It becomes visible whole, by renaming it last; the same checkpoint gives the
 * same bytes. Throws `E_WRITE`.
 */
export async function writeCheckpoint(folder: string, event: CheckpointEvent, context: CheckpointContext): Promise<void> {
  await writeFolderAtomically(folder, async (temporary) => {
    await writeAdapter(temporary, { spec: event.lora, pairs: event.pairs, baseModel: context.contract.baseModel });
    for (const [name, tensors] of event.extra) await writeSafetensors(join(temporary, `${name}.safetensors`), tensors);
    const contentHash: Record<string, string> = {};
    for (const file of await filesBelow(temporary)) contentHash[file] = await sha256File(join(temporary, file));
    await writeFileAtomically(join(temporary, SIDECAR_FILE), sidecarText(event, context, contentHash));
  });
}

function sidecarText(event: CheckpointEvent, context: CheckpointContext, contentHash: Readonly<Record<string, string>>): string {
  const { contract, role, record, split, description, backends } = context;
  const slot = record.trainers[role];
  const trainable = [...event.pairs.values()].reduce((sum, { a, b }) => sum + a.data.length + b.data.length, 0);
  return writeModelSidecar({
    role,
    stage: 'sl',
    baseModel: contract.baseModel,
    dModel: contract.dModel,
    layer: contract.layer,
    // The reconstructor injects nothing.
    injectionScale: role === 'av' ? contract.injectionScale : null,
    mseScale: contract.mseScale,
    perLayerIds: contract.perLayerIds,
    tokens: contract.tokens,
    templates: contract.templates,
    step: event.step,
    adapter: {
      r: event.lora.rank,
      alpha: event.lora.alpha,
      dropout: event.lora.dropout,
      ...(typeof event.lora.targets === 'string'
        ? { target_modules_regex: event.lora.targets }
        : { target_modules: [...event.lora.targets] }),
      use_rslora: event.lora.rankStabilized,
      adapted_modules: event.pairs.size,
      trainable_params: trainable,
    },
    training: {
      ...event.training,
      seed: record.seed,
      ...(slot === undefined ? {} : { trainer: `${slot.name} ${slot.version}` }),
      backend: backends.at(-1)?.backend ?? record.backend.name,
      ...(backends.length < 2
        ? {}
        : { backend_changes: backends.map(({ afterStep, backend, engine }) => ({ after_step: afterStep, backend, engine })) }),
      ...(record.quantizer === undefined
        ? {}
        : { quantizer: { name: record.quantizer.name, version: record.quantizer.version, options: record.quantizer.options } }),
      ...(context.model.spec.fingerprint === undefined ? {} : { base_model_fingerprint: context.model.spec.fingerprint }),
      run_hash: record.hash,
    },
    trainingData: {
      dataset_id: description.datasetId,
      split: split.name,
      n_rows: split.length,
      sha256: split.sha256,
    },
    ...(context.baselines === undefined ? {} : { baselines: context.baselines }),
    ...(Object.keys(event.health).length === 0 ? {} : { metrics: event.health }),
    ...(context.guard === undefined ? {} : { guard: context.guard }),
    trainedOn: [description.datasetId],
    parentCheckpoints: [contract.baseModel, ...(event.parentCheckpoints ?? [])],
    createdAt: record.createdAt,
    createdBy: `nlakit ${nlakitVersion}`,
    contentHash,
  });
}
