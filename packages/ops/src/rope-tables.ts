import { NlaError } from '@nlakit/core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/** What {@link ropeTables} needs. */
export interface RopeTablesOptions {
  /** Position of every token, `[batch * length]`, row by row. */
  readonly positions: Int32Array;
  readonly batch: number;
  readonly length: number;
  /** Width of one head; even. */
  readonly headDim: number;
  /** Base of the frequencies: 1e4 in sliding layers, 1e6 in full layers of Gemma 4. */
  readonly theta: number;
  /** Share of the pairs that turn at all; the others keep angle 0. 1 turns all ("default"), 0.25 is Gemma 4's "proportional". */
  readonly rotaryFraction: number;
  /** Divides every frequency; 1 if left out. */
  readonly factor?: number;
}

/** Cosines and sines of a batch, `[batch or 1, position, headDim / 2]`. */
export interface RopeTables {
  readonly cos: Tensor3D;
  readonly sin: Tensor3D;
}

/**
 * The tables for {@link rope}: `angle = position * theta^(-2i / headDim) / factor` for the first `floor(rotaryFraction * headDim / 2)`
 * pairs and 0 for the rest. The exponent's denominator is the whole head, also when only a part turns. Computed in float64 and rounded
 * once. If all rows of the batch have the same positions the tables have one row.
 *
 * Throws `E_ROPE_OPTIONS`.
 */
export function ropeTables(options: RopeTablesOptions): RopeTables {
  const { positions, batch, length, headDim, theta, rotaryFraction, factor = 1 } = options;
  if (positions.length !== batch * length || headDim % 2 !== 0 || !(rotaryFraction >= 0 && rotaryFraction <= 1)) {
    throw new NlaError('E_ROPE_OPTIONS', {
      message: 'The rotary tables cannot be made from these options.',
      found: `${positions.length} positions, batch ${batch}, length ${length}, headDim ${headDim}, rotaryFraction ${rotaryFraction}`,
      expected: 'batch * length positions, an even headDim and a rotaryFraction from 0 to 1',
    });
  }
  const half = headDim / 2;
  const turning = Math.floor(rotaryFraction * half);
  const rows = sameRows(positions, batch, length) ? 1 : batch;
  const cos = new Float32Array(rows * length * half).fill(1);
  const sin = new Float32Array(rows * length * half);
  const frequencies = Array.from({ length: turning }, (_, pair) => theta ** ((-2 * pair) / headDim) / factor);
  for (let token = 0; token < rows * length; token++) {
    const position = positions[token] ?? 0;
    frequencies.forEach((frequency, pair) => {
      cos[token * half + pair] = Math.cos(position * frequency);
      sin[token * half + pair] = Math.sin(position * frequency);
    });
  }
  const shape: [number, number, number] = [rows, length, half];
  return { cos: tf.tensor3d(cos, shape), sin: tf.tensor3d(sin, shape) };
}

function sameRows(positions: Int32Array, batch: number, length: number): boolean {
  for (let index = length; index < batch * length; index++) if (positions[index] !== positions[index % length]) return false;
  return true;
}
