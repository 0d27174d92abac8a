import { NlaError } from '@nlakit/core';
import type { Scale } from '@nlakit/core';

/**
 * The scale grammar of sidecars: null, `raw` and `none` mean "no normalisation"; `sqrt_d_model` is the square root of the width;
 * a positive number, or one written as a string, is itself. Anything else is `E_SIDECAR_SCALE`; nothing is guessed.
 */
export function parseScale(value: unknown, dModel: number): Scale {
  if (value === null || value === 'raw' || value === 'none') return null;
  if (value === 'sqrt_d_model') return Math.sqrt(dModel);
  const number = typeof value === 'number' ? value : typeof value === 'string' && numberPattern.test(value.trim()) ? Number(value) : NaN;
  if (Number.isFinite(number) && number > 0) return number;
  throw new NlaError('E_SIDECAR_SCALE', {
    message: 'This is not a scale.',
    found: value === undefined ? 'nothing' : String(JSON.stringify(value)),
    expected: 'a positive number, "sqrt_d_model", "raw", "none" or null',
    kind: 'input',
  });
}

const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
