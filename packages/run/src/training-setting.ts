import { NlaError, type DatasetDescription, type NlaContract, type TrainContext, type Trainer } from '@nlakit/core';
import type { Role } from './run-layout.js';
import { runLayer, type RunSession } from './run-session.js';

/** What one role is trained with, apart from where its random streams stand. */
export interface TrainingSetting extends Omit<TrainContext, 'seeds' | 'untilStep'> {
  readonly trainer: Trainer;
  readonly layer: number;
  readonly description: DatasetDescription;
}

/** Makes the parts of a role's training and holds dataset and model against each other. Throws `E_PLUGIN_KIND`, `E_CONTRACT` and the parts' errors. */
export async function trainingSetting(session: RunSession, role: Role): Promise<TrainingSetting> {
  const { layout, record, parts, log, signal } = session;
  const trainer = await parts.trainer(role);
  if (trainer.role !== role) {
    throw new NlaError('E_PLUGIN_KIND', {
      message: `The trainer in slot "trainers.${role}" trains the ${trainer.role}.`,
      expected: `a trainer for the ${role}`,
      fix: `Move it to trainers.${trainer.role}.`,
      kind: 'input',
    });
  }
  const dataset = await parts.dataset();
  const model = await parts.model();
  const injector = await parts.injector();
  const backend = await parts.backend();
  const description = await dataset.describe(layout.dataFolder);
  const layer = runLayer(record, model);
  const contract = checkedContract(description.contract, { dModel: model.spec.dModel, layer, injector });
  return { trainer, layer, description, model, backend, injector, dataset, dataFolder: layout.dataFolder, contract, signal, log };
}

/** The dataset's contract with the run's injection in it, checked against the model. */
function checkedContract(
  contract: NlaContract,
  run: {
    readonly dModel: number;
    readonly layer: number;
    readonly injector: { scale(dModel: number): number | null; readonly perLayerIds: NlaContract['perLayerIds'] };
  },
): NlaContract {
  if (contract.dModel !== run.dModel || contract.layer !== run.layer) {
    throw new NlaError('E_CONTRACT', {
      message: 'The dataset was made for another model or layer.',
      found: `d_model ${contract.dModel}, layer ${contract.layer}`,
      expected: `d_model ${run.dModel}, layer ${run.layer}`,
      fix: 'Use the model and layer of the dataset sidecar, or extract the data again.',
      kind: 'input',
    });
  }
  return { ...contract, injectionScale: run.injector.scale(run.dModel), perLayerIds: run.injector.perLayerIds };
}
