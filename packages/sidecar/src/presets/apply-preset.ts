import { NlaError } from '@nlakit/core';
import { templateSha256 } from '../template-hash.js';
import { checkTemplates } from '../templates.js';
import type { Sidecar, SidecarTokens } from '../types.js';
import type { ReleasePreset } from './release-preset.js';

/** Template texts that a person has, to be checked against the release's hashes. */
export interface GivenTemplates {
  readonly av?: string;
  readonly ar?: string;
}

/**
 * Completes a sidecar with what is known about the release it belongs to, and with template texts, and checks all three against each
 * other. What the sidecar states is never overruled: `E_PRESET_MISMATCH` names each value in which it is not of that release, and
 * `E_PRESET_TEMPLATE` a text whose hash is not the release's. A template that is still unknown stays null.
 */
export function applyPreset<Kind extends Sidecar>(sidecar: Kind, preset: ReleasePreset, given: GivenTemplates = {}): Kind {
  checkTemplates({ av: given.av ?? null, ar: given.ar ?? null });
  const templates = {
    av: sidecar.templates.av ?? given.av ?? null,
    ar: sidecar.templates.ar ?? given.ar ?? null,
    avChat: sidecar.templates.av === null ? preset.avChat : sidecar.templates.avChat,
  };
  const tokens = completeTokens(sidecar.tokens, preset);
  checkFacts(sidecar, preset);
  checkTemplateHash('AV', templates.av, preset.templateSha256.av, preset);
  checkTemplateHash('AR', templates.ar, preset.templateSha256.ar, preset);
  return { ...sidecar, layer: sidecar.layer ?? preset.layer, templates, tokens };
}

function completeTokens(stated: SidecarTokens | null, { tokens }: ReleasePreset): SidecarTokens | null {
  if (stated !== null) return { ...stated, injectionChar: stated.injectionChar ?? tokens.injectionChar };
  const { leftNeighborId, rightNeighborId } = tokens;
  return leftNeighborId === null || rightNeighborId === null ? null : { ...tokens, leftNeighborId, rightNeighborId };
}

function checkFacts({ dModel, layer, tokens }: Sidecar, preset: ReleasePreset): void {
  const wrong: string[] = [];
  const compare = (field: string, found: number | string | null | undefined, expected: number | string | null): void => {
    if (found !== null && found !== undefined && expected !== null && found !== expected) wrong.push(`${field} ${found}, not ${expected}`);
  };
  compare('width', dModel, preset.dModel);
  compare('layer', layer, preset.layer);
  compare('injection_char', tokens?.injectionChar, preset.tokens.injectionChar);
  compare('injection_token_id', tokens?.injectionTokenId, preset.tokens.injectionTokenId);
  compare('injection_left_neighbor_id', tokens?.leftNeighborId, preset.tokens.leftNeighborId);
  compare('injection_right_neighbor_id', tokens?.rightNeighborId, preset.tokens.rightNeighborId);
  compare('critic_suffix_ids', tokens?.criticSuffixIds?.join(' '), preset.tokens.criticSuffixIds?.join(' ') ?? null);
  if (wrong.length === 0) return;
  throw new NlaError('E_PRESET_MISMATCH', {
    message: `The sidecar is not of the release ${preset.name}.`,
    found: wrong.join('; '),
    fix: 'Name the preset of the release the files come from, or none.',
    kind: 'input',
  });
}

function checkTemplateHash(name: 'AV' | 'AR', template: string | null, expected: string, preset: ReleasePreset): void {
  if (template === null) return;
  const found = templateSha256(template);
  if (found === expected) return;
  throw new NlaError('E_PRESET_TEMPLATE', {
    message: `The ${name} template is not the one of the release ${preset.name}.`,
    found: `sha256 ${found}, ${template.length} characters`,
    expected: `sha256 ${expected}`,
    fix: "Take it from the release's own sidecar (prompt_templates), to the last character: no newline at the end, the placeholder in place.",
    kind: 'input',
  });
}
