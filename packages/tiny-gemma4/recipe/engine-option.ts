import { NlaError } from '@nlakit/core';
import type { EngineChoice } from './engine.js';

/** The command line options that choose an engine, for `parseArgs`. */
export const engineOptions = {
  backend: { type: 'string', default: 'wasm' },
  'tfjs-node': { type: 'string' },
} as const;

/** The engine that was chosen: wasm, or tfjs-node from a folder. Throws `E_ARGUMENT` for another backend. */
export function engineOf(values: { readonly backend: string; readonly 'tfjs-node'?: string | undefined }): EngineChoice {
  const folder = values['tfjs-node'];
  if (folder !== undefined) return { kind: 'tfjs-node', folder };
  if (values.backend === 'wasm') return { kind: 'wasm' };
  throw new NlaError('E_ARGUMENT', {
    message: 'There is no such backend.',
    found: values.backend,
    expected: 'wasm, or --tfjs-node <folder>',
    kind: 'input',
  });
}
