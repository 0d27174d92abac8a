export * from './types.js';
export { parseScale } from './scale.js';
export {
  datasetSidecarPath,
  parseSidecar,
  parseSidecarWithNotes,
  readSidecar,
  readSidecarWithNotes,
  SIDECAR_FILE,
} from './parse-sidecar.js';
export type { NotedSidecar } from './parse-sidecar.js';
export type { UpgradeNote } from './upgrade-notes.js';
export { upgradeSidecar } from './upgrade-sidecar.js';
export { applyPreset } from './presets/apply-preset.js';
export type { GivenTemplates } from './presets/apply-preset.js';
export { findPreset, presetsOf } from './presets/find-preset.js';
export type { ReleasePreset } from './presets/release-preset.js';
export { releasePresets } from './presets/release-presets.js';
export { templateSha256 } from './template-hash.js';
export { writeDatasetSidecar, writeModelSidecar } from './write-sidecar.js';
export type { DatasetSidecarInput, ModelSidecarInput } from './write-sidecar.js';
export { contractDifferences, contractFields, contractOf } from './contract-of.js';
export type { ContractSupplement } from './contract-of.js';
export { checkContract, checkCriticLayers } from './check-contract.js';
export { findMarker, scanMarkers } from './marker/find-marker.js';
export type { Marker } from './marker/find-marker.js';
export { chooseTokens, markerCacheFolder } from './marker/marker-cache.js';
export type { ChosenTokens } from './marker/marker-cache.js';
export { measureTokens } from './marker/measure-tokens.js';
export { contractFor } from './contract-for.js';
export { arPromptIds, avPromptIds } from './prompts.js';
export { checkTemplates, EXPLANATION_PLACEHOLDER, fillTemplate, INJECTION_PLACEHOLDER } from './templates.js';
export { readTemplate } from './read-template.js';
