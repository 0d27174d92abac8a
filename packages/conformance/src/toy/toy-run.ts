import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluateContext, HostTensor, LoraSpec, NlaRow } from '@nlakit/core';
import { writeAdapter } from '@nlakit/lora';
import { createSeedStreams, stepName } from '@nlakit/run';
import { writeSafetensors } from '@nlakit/safetensors';
import { contractFields, SIDECAR_FILE, writeModelSidecar } from '@nlakit/sidecar';
import { toyActivationRows } from './toy-activations.js';
import { createToyInjector } from './toy-injector.js';
import { createToyModel, type ToyModel } from './toy-model.js';
import { createToyDataset, silentLogger, toyContract } from './toy-stage.js';

const spec: LoraSpec = { rank: 2, alpha: 4, dropout: 0, targets: 'model\\.layers\\.[01]\\.self_attn\\.q_proj', rankStabilized: false };

/** The step that {@link writeToyRun} writes. */
export const toyStep = 50;

/** A run that an evaluator can measure. */
export interface ToyRun extends EvaluateContext {
  readonly model: ToyModel;
  /** The rows that the dataset keeps apart. */
  readonly heldOut: readonly NlaRow[];
}

/**
 * Everything an evaluator is given, over the toy model and two checkpoints that are written into `folder`. Vectors are the toy model's own
 * activations.
 */
export async function writeToyRun(folder: string, seed = 1): Promise<ToyRun> {
  const stepFolder = join(folder, 'trajectory', stepName(toyStep));
  const reconstructorFolder = join(folder, 'reconstructor', stepName(toyStep));
  await writeToyCheckpoint(stepFolder, 'av');
  await writeToyCheckpoint(reconstructorFolder, 'ar');
  const model = createToyModel();
  const { train, heldOut } = await (readings ??= readRows(model));
  return {
    model,
    heldOut,
    injector: createToyInjector(),
    dataset: createToyDataset({ train, heldOut }),
    dataFolder: folder,
    stepFolder,
    reconstructorFolder,
    rows: 8,
    seeds: createSeedStreams(seed),
    signal: new AbortController().signal,
    log: silentLogger,
  };
}

/** Rows are the same for every run: they are read once. */
let readings: ReturnType<typeof readRows> | undefined;

async function readRows(model: ToyModel): Promise<{ readonly train: readonly NlaRow[]; readonly heldOut: readonly NlaRow[] }> {
  const train = await toyActivationRows(model, toyContract.layer, 24);
  return { train, heldOut: await toyActivationRows(model, toyContract.layer, 12, 24) };
}

async function writeToyCheckpoint(folder: string, role: 'av' | 'ar'): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj`);
  const pairs = new Map(
    names.map((name) => [
      name,
      {
        a: matrix(2, 16, (row, column) => 0.1 * Math.sin(row + column)),
        b: matrix(16, 2, (row, column) => 0.3 * Math.cos(3 * row + column)),
      },
    ]),
  );
  await writeAdapter(folder, { spec, pairs, baseModel: toyContract.baseModel });
  if (role === 'ar') {
    const head = matrix(16, 16, (row, column) => (row === column ? 1 : 0));
    await writeSafetensors(join(folder, 'value_head.safetensors'), new Map([['weight', head]]));
  }
  const fields = { ...contractFields(toyContract), ...(role === 'ar' ? { injectionScale: null } : {}) };
  await writeFile(join(folder, SIDECAR_FILE), writeModelSidecar({ ...fields, role, stage: 'sl', step: toyStep }));
}

function matrix(rows: number, columns: number, value: (row: number, column: number) => number): HostTensor {
  const data = Float32Array.from({ length: rows * columns }, (_, at) => value(Math.floor(at / columns), at % columns));
  return { shape: [rows, columns], data };
}
