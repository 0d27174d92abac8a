import { NlaError } from '@nlakit/core';
import type { Sidecar } from '../types.js';
import type { ReleasePreset } from './release-preset.js';
import { releasePresets } from './release-presets.js';

/** The preset of that name, or `E_PRESET_UNKNOWN` with the names there are. */
export function findPreset(name: string): ReleasePreset {
  const preset = releasePresets.find((one) => one.name === name);
  if (preset !== undefined) return preset;
  throw new NlaError('E_PRESET_UNKNOWN', {
    message: 'There is no preset of that name.',
    found: name,
    expected: releasePresets.map((one) => one.name).join(', '),
    kind: 'input',
  });
}

/** The presets that a sidecar may belong to: same width, and the same marker as far as the sidecar names it. */
export function presetsOf(
  { dModel, layer, tokens }: Pick<Sidecar, 'dModel' | 'layer' | 'tokens'>,
  presets: readonly ReleasePreset[] = releasePresets,
): ReleasePreset[] {
  return presets.filter(
    (preset) =>
      preset.dModel === dModel &&
      (layer === null || preset.layer === layer) &&
      (tokens === null || preset.tokens.injectionTokenId === tokens.injectionTokenId),
  );
}
