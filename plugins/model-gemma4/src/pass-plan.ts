import { NlaError, type ForwardInput } from '@nlakit/core';
import { ropeTables, tf } from '@nlakit/ops';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';

/** Cosines and sines of one attention type, each `[1 or batch, length, headDim / 2]`. */
export interface RopePair {
  readonly cos: Tensor3D;
  readonly sin: Tensor3D;
}

/** What every layer of one attention type reads in a pass: derived from positions and padding, never differentiated. */
export interface TypeConstants extends RopePair {
  /** 1 where a key may be seen, `[batch, keys]`. */
  readonly valid: Tensor2D;
  /** Key index of the first query: the number of cached keys before it. */
  readonly offset: number;
}

/** Positions and visible keys of a pass, still on the host. */
export interface PassPlan {
  readonly batch: number;
  readonly length: number;
  /** `[positionRows, length]`; one row when all rows of the batch have the same positions. */
  readonly positions: Int32Array;
  readonly positionRows: number;
  /** `[batch, length]` */
  readonly valid: Float32Array;
}

/**
 * Positions of a padded batch: the first real token of a row is at position 0, as in the reference (`cumsum(mask) - 1`). Where
 * padding stands on the right only, every row counts 0, 1, 2, … and the rotary tables are shared.
 */
export function planPass(input: Pick<ForwardInput, 'batch' | 'length' | 'mask'>): PassPlan {
  const { batch, length, mask } = input;
  const valid = new Float32Array(batch * length).fill(1);
  const positions = new Int32Array(batch * length);
  let shared = true;
  for (let row = 0; row < batch; row++) {
    let next = 0;
    for (let column = 0; column < length; column++) {
      const at = row * length + column;
      const real = mask === undefined || mask[at] !== 0;
      if (!real) valid[at] = 0;
      else if (next !== column) shared = false;
      positions[at] = real ? next++ : Math.max(0, next - 1);
    }
  }
  if (!shared) return { batch, length, positions, positionRows: batch, valid };
  return { batch, length, positions: Int32Array.from({ length }, (_, column) => column), positionRows: 1, valid };
}

/** Rotary tables of one attention type for the plan's positions; the caller disposes them. */
export function ropeOf(
  config: Gemma4Config,
  type: 'sliding' | 'full',
  plan: Pick<PassPlan, 'positions' | 'positionRows' | 'length'>,
): RopePair {
  const layer = config.layers.find((candidate) => candidate.type === type);
  const { theta, rotaryFraction, factor } = config.rope[type];
  const { positions, positionRows: batch, length } = plan;
  return ropeTables({ positions, batch, length, headDim: layer?.headDim ?? 2, theta, rotaryFraction, factor });
}

/** The constants of one attention type for a pass without cache; the caller disposes them. */
export function typeConstants(config: Gemma4Config, type: 'sliding' | 'full', plan: PassPlan): TypeConstants {
  return { ...ropeOf(config, type, plan), valid: tf.tensor2d(plan.valid, [plan.batch, plan.length]), offset: 0 };
}

/** Throws `E_FORWARD_INPUT` if the arrays, overrides or names of a pass do not fit together. */
export function checkInput(config: Gemma4Config, input: ForwardInput): void {
  const { tokens, batch, length, mask, overrides = [], stopAfterBlock } = input;
  if (tokens.length !== batch * length || batch < 1 || length < 1) {
    throw badInput('The token array does not have batch × length entries.', String(tokens.length), `${batch} × ${length}`);
  }
  if (mask !== undefined && mask.length !== tokens.length) {
    throw badInput('The mask does not cover the tokens.', String(mask.length), String(tokens.length));
  }
  if (stopAfterBlock !== undefined && !(Number.isInteger(stopAfterBlock) && stopAfterBlock >= 0 && stopAfterBlock < config.layers.length)) {
    throw badInput('stopAfterBlock names no block.', String(stopAfterBlock), `0 to ${config.layers.length - 1}`);
  }
  const seen = new Set<number>();
  for (const { row, position, vector } of overrides) {
    const inside = Number.isInteger(row) && row >= 0 && row < batch && Number.isInteger(position) && position >= 0 && position < length;
    if (!inside) throw badInput('An override lies outside the batch.', `row ${row}, position ${position}`, `${batch} × ${length}`);
    const width = vector instanceof Float32Array ? vector.length : vector.size;
    if (width !== config.dModel) throw badInput('An override vector has the wrong width.', String(width), String(config.dModel));
    if (seen.has(row * length + position))
      throw badInput('Two overrides replace the same position.', `row ${row}, position ${position}`, 'one');
    seen.add(row * length + position);
  }
}

function badInput(message: string, found: string, expected: string): NlaError {
  return new NlaError('E_FORWARD_INPUT', { message, found, expected });
}
