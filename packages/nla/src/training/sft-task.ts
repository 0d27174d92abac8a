import type { Figures, HostTensor, JsonValue, LoraSpec, TrainEvent, Warning } from '@nlakit/core';
import type { DifferentiablePass } from './differentiable-pass.js';
import type { ParentRecord } from './parent-adapter.js';
import type { Trainable } from './trainable.js';

/** Tensors trained with one learning rate. */
export interface TrainedGroup {
  readonly trainable: Trainable;
  /** Multiplies the recipe's learning rate. */
  readonly learningRateFactor: number;
}

/** One forward pass of a step; its loss is summed over the batch's units (response tokens, rows). */
export interface SftMicroBatch extends DifferentiablePass {
  /** Tokens computed, padding included. */
  readonly tokens: number;
}

/** What distinguishes one supervised stage from another; the loop around it is `runSft`. */
export interface SftTask {
  /** Tokens of each training row. */
  readonly lengths: readonly number[];
  /** Units of the loss in each training row, the loss being the mean over all units of a step. */
  readonly units: readonly number[];
  readonly lora: LoraSpec;
  /** `adapter` and, for the reconstructor, `value_head`. */
  readonly groups: ReadonlyMap<string, TrainedGroup>;
  /** Number of blocks that are computed. */
  readonly blocks: number;
  /** Reported before the first step. */
  readonly warnings: readonly Warning[];
  /** Events of checks made before training, reported first of all. */
  readonly announcements?: readonly TrainEvent[];
  /** Puts the adapter on the model. Called before the first step and after every checkpoint. */
  attach(): void;
  /** Reads what the rows need and builds their batch. */
  microBatch(rows: readonly number[]): Promise<SftMicroBatch>;
  /** The figures of a save. Must not draw from any random stream. */
  health(): Promise<Figures>;
  /** The adapter's tensors, keyed by module path, from the group `adapter`. */
  pairs(): ReadonlyMap<string, { readonly a: HostTensor; readonly b: HostTensor }>;
  /** Further tensors to publish, by file name and key. */
  extra(): ReadonlyMap<string, ReadonlyMap<string, HostTensor>>;
  /** The published adapter that training starts from. */
  readonly parent?: ParentRecord;
  /** Facts for the sidecar's `training` block, besides the recipe. */
  readonly facts: Readonly<Record<string, JsonValue>>;
  dispose(): void;
}
