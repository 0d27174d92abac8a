import type { OptionalArithmetic } from '@nlakit/core';
import { loadDawn } from './load-dawn.js';
import { chooseMatrixUnit, type MatrixOffer } from './matrix-unit.js';
import type { WebgpuBackendOptions } from './options.js';

const options = { multiply: 'f16' } as const;

/**
 * What the adapter of this machine has of what `multiply: f16` asks for. It is asked anew: a device that was opened without it does not
 * know of features that are no standard yet.
 */
export async function optionalArithmetic(
  powerPreference: WebgpuBackendOptions['powerPreference'],
  folder: string | undefined,
): Promise<readonly OptionalArithmetic[]> {
  const { gpu } = await loadDawn(folder, true);
  const adapter = await gpu.requestAdapter({ powerPreference });
  return adapter === null ? [] : arithmeticOf(adapter);
}

/** What an adapter offers of it. */
export function arithmeticOf(adapter: MatrixOffer): readonly OptionalArithmetic[] {
  const hasHalf = adapter.features.has('shader-f16');
  const unit = chooseMatrixUnit(adapter);
  return [
    {
      name: 'products with NF4 weights in f16',
      options,
      support: hasHalf ? 'native' : 'missing',
      detail: hasHalf ? 'shader-f16' : 'the adapter has no shader-f16',
    },
    {
      name: 'subgroup matrices for these products',
      options,
      support: typeof unit === 'string' ? 'missing' : 'native',
      detail: typeof unit === 'string' ? unit : `${unit.m}x${unit.n}x${unit.k}, taken if they agree with the other kernel when it starts`,
    },
  ];
}
