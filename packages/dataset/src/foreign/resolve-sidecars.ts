import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { SplitName } from '@nlakit/core';
import { applyPreset, datasetSidecarPath, presetsOf, readSidecar } from '@nlakit/sidecar';
import type { DatasetSidecar, GivenTemplates, ReleasePreset, Sidecar } from '@nlakit/sidecar';
import { readDatasetSidecar } from '../open-split.js';
import { openTable, type Table } from '../open-table.js';
import { readStoredPrompt } from '../prompt-check.js';
import { recoverArTemplate } from './recover-ar-template.js';

/** What a person knows about data files whose own sidecars say less than is needed, or that have none. */
export interface ForeignSupplement {
  /** The published release the files belong to. */
  readonly preset?: ReleasePreset;
  /** The release's own sidecar: a model's `nla_meta.yaml`, or a dataset's. */
  readonly sidecarFile?: string;
  /** Template texts. */
  readonly templates?: GivenTemplates;
}

/** A data file (perhaps a slice), and the sidecar it is read with. */
export interface ResolvedFile {
  readonly path: string;
  readonly sidecar: DatasetSidecar;
}

/**
 * The sidecars of data files that belong together. A file's own comes first; where there is none, that of the release, then what the preset
 * knows. Templates that none of them states are taken from the given texts, and last from the prompts in the files themselves: the AV's is
 * written out there, and the AR's is found by the preset's hash. With a preset everything is checked against the release.
 *
 * `E_DATASET_SIDECAR` where there is nothing to go by, naming the presets that fit; errors of {@link applyPreset} and of reading sidecars.
 */
export async function resolveSidecars(
  files: Readonly<Partial<Record<SplitName, string>>>,
  supplement: ForeignSupplement,
): Promise<Readonly<Partial<Record<SplitName, ResolvedFile>>>> {
  const { preset, sidecarFile } = supplement;
  const release = sidecarFile === undefined ? undefined : await readSidecar(sidecarFile);
  const read: { readonly split: SplitName; readonly path: string; sidecar: DatasetSidecar; readonly table: Table }[] = [];
  for (const [split, path] of Object.entries(files) as [SplitName, string][]) {
    const table = await openTable(path);
    const own = existsSync(datasetSidecarPath(path)) ? await readDatasetSidecar(path) : undefined;
    read.push({ split, path, table, sidecar: own ?? (await makeSidecar(table, split, release, preset)) });
  }
  let { av, ar } = supplement.templates ?? {};
  for (const source of [...read.map(({ sidecar }) => sidecar), ...(release === undefined ? [] : [release])]) {
    av = source.templates.av ?? av;
    ar = source.templates.ar ?? ar;
  }
  const prompts = read.find(({ split }) => split !== 'arSft')?.table;
  const avChat = release?.templates.avChat ?? preset?.avChat;
  if (av === undefined && prompts !== undefined) av = await avTemplateIn(prompts);
  const filled = read.find(({ split }) => split === 'arSft')?.table;
  if (ar === undefined && filled !== undefined && preset !== undefined) ar = await arTemplateIn(filled, preset);
  for (const one of read) {
    const { templates } = one.sidecar;
    const complete = {
      ...one.sidecar,
      templates: {
        av: templates.av ?? av ?? null,
        ar: templates.ar ?? ar ?? null,
        avChat: templates.av === null ? (avChat ?? templates.avChat) : templates.avChat,
      },
    };
    one.sidecar = preset === undefined ? complete : applyPreset(complete, preset);
  }
  return Object.fromEntries(read.map(({ split, path, sidecar }) => [split, { path, sidecar }] as const));
}

/** A sidecar for a file that has none, from the release's own or from the preset. */
async function makeSidecar(
  table: Table,
  split: SplitName,
  release: Sidecar | undefined,
  preset: ReleasePreset | undefined,
): Promise<DatasetSidecar> {
  const tokens = release?.tokens ?? presetTokens(preset);
  const dModel = release?.dModel ?? preset?.dModel;
  const layer = release?.layer ?? preset?.layer;
  const baseModel = release?.baseModel ?? preset?.baseModel;
  if (tokens === null || dModel === undefined || layer === undefined || layer === null || baseModel === undefined) {
    throw await sidecarError(table, preset);
  }
  return {
    kind: 'nla_dataset',
    dialect: release?.dialect ?? 'kitft',
    schemaVersion: null,
    datasetId: basename(table.file),
    stage: { avSft: 'av_sft', arSft: 'ar_sft', heldOut: 'rl' }[split],
    rowCount: table.fileLength,
    baseModel,
    dModel,
    layer,
    norm: 'none',
    corpus: null,
    corpusSlice: null,
    positionsPerDoc: null,
    tokens: { ...tokens },
    templates: { av: null, ar: null, avChat: release?.templates.avChat ?? preset?.avChat ?? false },
    injectionScale: null,
    mseScale: release?.mseScale ?? Math.sqrt(dModel),
    perLayerIds: release?.perLayerIds ?? 'marker',
    apiSummaries: null,
    labels: null,
    activationNorms: null,
    parentDatasets: [],
    createdAt: null,
    createdBy: null,
    gitCommit: null,
    contentHash: null,
    extensions: {},
  };
}

function presetTokens(preset: ReleasePreset | undefined): DatasetSidecar['tokens'] {
  const { leftNeighborId, rightNeighborId } = preset?.tokens ?? {};
  if (preset === undefined || leftNeighborId == null || rightNeighborId == null) return null;
  return { ...preset.tokens, leftNeighborId, rightNeighborId };
}

async function avTemplateIn(table: Table): Promise<string | undefined> {
  const [segment] = table.segments;
  if (segment === undefined || !table.columns.has('prompt')) return undefined;
  const { records } = await table.read({ ...segment, end: segment.start + 1 }, ['prompt']);
  return readStoredPrompt(records[0]?.['prompt'], table.file).template;
}

async function arTemplateIn(table: Table, preset: ReleasePreset): Promise<string | undefined> {
  const [segment] = table.segments;
  if (segment === undefined || !table.columns.has('prompt')) return undefined;
  const { records } = await table.read(segment, ['prompt']);
  const prompts = records.flatMap(({ prompt }) => (typeof prompt === 'string' ? [prompt] : []));
  return prompts.length === 0 ? undefined : recoverArTemplate(prompts, preset.templateSha256.ar);
}

async function sidecarError(table: Table, preset: ReleasePreset | undefined): Promise<NlaError> {
  const layer = await layerIn(table);
  const fitting = table.dModel === undefined ? [] : presetsOf({ dModel: table.dModel, layer, tokens: null }).map(({ name }) => name);
  const release =
    preset === undefined
      ? `Set the option preset${fitting.length === 0 ? '' : ` (its width${layer === null ? '' : ' and layer'} would fit ${fitting.join(', ')})`}, or sidecar`
      : `The preset ${preset.name} does not know the marker's neighbours: set the option sidecar`;
  return new NlaError('E_DATASET_SIDECAR', {
    message: 'There is no sidecar beside the data, and nothing else says which model, layer and marker it was made for.',
    found: `vectors of ${table.dModel ?? 'differing'} components${layer === null ? '' : ` of layer ${layer}`}`,
    expected: basename(datasetSidecarPath(table.file)),
    fix: `${release} to the nla_meta.yaml of the release.`,
    file: table.file,
    kind: 'input',
  });
}

async function layerIn(table: Table): Promise<number | null> {
  const [segment] = table.segments;
  if (segment === undefined || !table.columns.has('activation_layer')) return null;
  const { records } = await table.read({ ...segment, end: segment.start + 1 }, ['activation_layer']);
  const layer = Number(records[0]?.['activation_layer'] ?? NaN);
  return Number.isSafeInteger(layer) ? layer : null;
}
