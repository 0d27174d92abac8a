import { readFile } from 'node:fs/promises';
import type { OptionalArithmetic } from '@nlakit/core';

/** Names that Linux gives to features of a processor that multiply in bf16: AVX512-BF16, AMX, and that of Arm. */
const halfFeatures = ['avx512_bf16', 'amx_bf16', 'bf16'];

/** The features of this machine's processors by the names that Linux has for them; `undefined` on another system. */
export async function machineFeatures(): Promise<ReadonlySet<string> | undefined> {
  return featuresIn(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''));
}

/** The features that the text of `/proc/cpuinfo` lists for its first processor. */
export function featuresIn(processors: string): ReadonlySet<string> | undefined {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(processors)?.[1];
  return line === undefined ? undefined : new Set(line.trim().split(/\s+/));
}

/**
 * Whether `multiply: bf16` is worth it.
 *
 * @param device `gpu`, or the features of the processor, where they are known
 */
export function halfProducts(device: 'gpu' | ReadonlySet<string> | undefined): OptionalArithmetic {
  const shared = { name: 'products with the frozen base in bf16', options: { multiply: 'bf16' } } as const;
  if (device === 'gpu') {
    return {
      ...shared,
      support: 'unknown',
      detail: 'cards have it from Ampere on (compute capability 8.0), which TensorFlow does not tell us',
    };
  }
  if (device === undefined) return { ...shared, support: 'unknown', detail: 'this system does not tell what its processor has' };
  const present = halfFeatures.filter((feature) => device.has(feature));
  if (present.length > 0) return { ...shared, support: 'native', detail: present.join(', ') };
  return {
    ...shared,
    support: 'emulated',
    detail: `this processor has no instructions for them (${halfFeatures.join(', ')}); emulated, and slower`,
  };
}
