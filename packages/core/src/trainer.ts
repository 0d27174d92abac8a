import type { NlaContract } from './contract.js';
import type { Dataset } from './dataset.js';
import type { Figures, JsonValue, Logger, Warning } from './events.js';
import type { GuardReport, Injector } from './injector.js';
import type { LoraSpec } from './lora.js';
import type { Backend, BackendCapabilities } from './backend.js';
import type { Model, ModelSpec } from './model.js';
import type { RandomState, SeedStreams } from './random.js';
import type { HostTensor } from './tensors.js';

/** Bytes a run will need, by purpose. */
export interface MemoryPlan {
  readonly parts: readonly MemoryPart[];
  /** Of all parts on the backend together. */
  readonly peakBytes: number;
}

/** One purpose of memory; on the backend unless `place` says otherwise. */
export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
  readonly place?: 'backend' | 'host';
}

/** What a trainer plans its memory with, before any weight or row is read. */
export interface PlanContext {
  readonly spec: ModelSpec;
  /** Bytes of the base model on the backend. */
  readonly baseBytes: number;
  readonly capabilities: BackendCapabilities;
  /** The block whose output is read, if it is known. */
  readonly layer?: number;
}

/** All that is needed to go on exactly where a run stopped. Belongs to the trainer; `run` only stores it. */
export interface TrainerState {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array }>;
  readonly streams: Readonly<Record<string, RandomState>>;
  /** Trainer-private, JSON. */
  readonly cursor: JsonValue;
}

export interface TrainContext {
  readonly model: Model;
  readonly backend: Backend;
  readonly injector: Injector;
  readonly dataset: Dataset;
  /** The run's `data/` folder, to open splits from. */
  readonly dataFolder: string;
  readonly contract: NlaContract;
  readonly seeds: SeedStreams;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Stop after that step even if more are configured; the state is saved as at any checkpoint. */
  readonly untilStep?: number;
}

export interface StepEvent {
  readonly type: 'step';
  /** Counts from 1. */
  readonly step: number;
  readonly steps: number;
  readonly figures: Figures & {
    readonly loss: number;
    readonly learningRate: number;
    readonly gradientNorm: number;
    readonly tokens: number;
    readonly seconds: number;
  };
}

/** A checkpoint to be stored. The trainer writes no file. */
export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly step: number;
  /** `save`: part of the trajectory. `interrupt`: only for resuming. */
  readonly reason: 'save' | 'interrupt';
  readonly lora: LoraSpec;
  /** Module path to the pair of matrices, in host memory. */
  readonly pairs: ReadonlyMap<string, { readonly a: HostTensor; readonly b: HostTensor }>;
  /** Further tensors published beside the adapter, by file name without extension (`value_head` → `weight`). */
  readonly extra: ReadonlyMap<string, ReadonlyMap<string, HostTensor>>;
  /** The sidecar's `training` block: recipe and progress. */
  readonly training: Readonly<Record<string, JsonValue>>;
  /** Published weights that training started from, besides the base model, as the sidecar is to name them. */
  readonly parentCheckpoints?: readonly string[];
  /** Health measured at this step (held-out loss, shuffled-vector gap, adapter-changes-output). */
  readonly health: Figures;
  readonly state: TrainerState;
}

export type TrainEvent =
  | { readonly type: 'plan'; readonly plan: MemoryPlan }
  | { readonly type: 'guard'; readonly guard: GuardReport; readonly override: boolean }
  | StepEvent
  | CheckpointEvent
  | { readonly type: 'warning'; readonly step?: number; readonly warning: Warning }
  | { readonly type: 'done'; readonly step: number; readonly figures: Figures };

/** Owns the loss and the update, never the files. */
export interface Trainer {
  readonly role: 'av' | 'ar';
  readonly steps: number;
  /** The step that needs most memory, every row being as long as the options allow. */
  plan(context: PlanContext): MemoryPlan;
  /** Refuses, by throwing, what cannot be trained. A host calls it before anything of the run is trained, so that hours of another role's training are not lost. */
  check?(context: TrainContext): Promise<void>;
  train(context: TrainContext, resume?: TrainerState): AsyncIterable<TrainEvent>;
}
