import { NlaError } from '@nlakit/core';
import type { NlaContract, Scale } from '@nlakit/core';
import { presetsOf } from './presets/find-preset.js';
import { checkTemplates } from './templates.js';
import type { Sidecar } from './types.js';

/** What a caller knows that an incomplete sidecar does not say. */
export interface ContractSupplement {
  readonly injectionChar?: string;
  readonly avTemplate?: string;
  readonly arTemplate?: string;
  readonly avChat?: boolean;
  readonly layer?: number;
  readonly injectionScale?: Scale;
}

/**
 * The contract a sidecar states. What it leaves out may come from `supplement`, which never overrules the sidecar; what is in neither is
 * `E_SIDECAR_INCOMPLETE`, with everything that is missing named. `supplement.injectionScale` is used where the sidecar has null.
 */
export function contractOf(sidecar: Sidecar, supplement: ContractSupplement = {}): NlaContract {
  const layer = sidecar.layer ?? supplement.layer;
  const injectionChar = sidecar.tokens?.injectionChar ?? supplement.injectionChar;
  const av = sidecar.templates.av ?? supplement.avTemplate;
  const ar = sidecar.templates.ar ?? supplement.arTemplate;
  const tokens = sidecar.tokens;
  if (layer === undefined || injectionChar === undefined || av === undefined || ar === undefined || tokens === null) {
    const missing = Object.entries({
      'the layer': layer,
      'the injection character': injectionChar,
      'the AV template': av,
      'the AR template': ar,
      'the token ids': tokens ?? undefined,
    })
      .filter(([, value]) => value === undefined)
      .map(([name]) => name);
    throw new NlaError('E_SIDECAR_INCOMPLETE', {
      message: `The sidecar (dialect ${sidecar.dialect}) does not say all that is needed to use what it describes.`,
      found: `without ${missing.join(', ')}`,
      fix: incompleteFix(sidecar),
      kind: 'input',
    });
  }
  const templates = {
    av,
    ar,
    avChat: sidecar.templates.av === null ? (supplement.avChat ?? sidecar.templates.avChat) : sidecar.templates.avChat,
  };
  checkTemplates(templates);
  return {
    baseModel: sidecar.baseModel,
    dModel: sidecar.dModel,
    layer,
    injectionScale: sidecar.injectionScale ?? supplement.injectionScale ?? null,
    mseScale: sidecar.mseScale,
    tokens: {
      injectionChar,
      injectionTokenId: tokens.injectionTokenId,
      leftNeighborId: tokens.leftNeighborId,
      rightNeighborId: tokens.rightNeighborId,
      criticSuffixIds: tokens.criticSuffixIds,
    },
    templates,
    perLayerIds: sidecar.perLayerIds,
  };
}

function incompleteFix(sidecar: Sidecar): string {
  const names = presetsOf(sidecar).map(({ name }) => name);
  const preset = names.length === 0 ? '' : `Set the preset ${names.join(' or ')}, which knows ids and hashes, and `;
  const rest = "give what is missing beside the sidecar: template texts stand in the release's own files and are not part of nlakit.";
  return preset === '' ? `G${rest.slice(1)}` : `${preset}${rest}`;
}

/** The sidecar fields that a contract fixes, for writing: `writeModelSidecar({ ...contractFields(contract), role: 'av', … })`. */
export function contractFields(contract: NlaContract): NlaContract {
  return {
    baseModel: contract.baseModel,
    dModel: contract.dModel,
    layer: contract.layer,
    injectionScale: contract.injectionScale,
    mseScale: contract.mseScale,
    perLayerIds: contract.perLayerIds,
    tokens: contract.tokens,
    templates: contract.templates,
  };
}

/** Names of the fields in which two contracts differ; empty if AV, AR and data fit together. AR sidecars state no injection scale: null agrees with anything. */
export function contractDifferences(first: NlaContract, second: NlaContract): string[] {
  const differences: string[] = [];
  const compare = (name: string, a: unknown, b: unknown) => {
    if (JSON.stringify(a) !== JSON.stringify(b)) differences.push(name);
  };
  compare('baseModel', first.baseModel, second.baseModel);
  compare('dModel', first.dModel, second.dModel);
  compare('layer', first.layer, second.layer);
  if (first.injectionScale !== null && second.injectionScale !== null)
    compare('injectionScale', first.injectionScale, second.injectionScale);
  compare('mseScale', first.mseScale, second.mseScale);
  compare('perLayerIds', first.perLayerIds, second.perLayerIds);
  for (const key of ['injectionChar', 'injectionTokenId', 'leftNeighborId', 'rightNeighborId'] as const) {
    compare(`tokens.${key}`, first.tokens[key], second.tokens[key]);
  }
  if (first.tokens.criticSuffixIds !== null && second.tokens.criticSuffixIds !== null) {
    compare('tokens.criticSuffixIds', first.tokens.criticSuffixIds, second.tokens.criticSuffixIds);
  }
  for (const key of ['av', 'ar', 'avChat'] as const) compare(`templates.${key}`, first.templates[key], second.templates[key]);
  return differences;
}
