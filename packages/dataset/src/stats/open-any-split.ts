import { existsSync } from 'node:fs';
import { datasetSidecarPath, writeDatasetSidecar, parseSidecar } from '@nlakit/sidecar';
import type { DatasetSidecar } from '@nlakit/sidecar';
import { resolveSidecars, type ForeignSupplement } from '../foreign/resolve-sidecars.js';
import { openSplit, splitOf, type ParquetSplit } from '../open-split.js';
import { openTable } from '../open-table.js';

/** A split that is only to be looked at, and what could not be read of it. */
export interface LookedAtSplit {
  readonly split: ParquetSplit;
  readonly notes: readonly string[];
}

/**
 * Opens a data file to look at it: with its own sidecar, with what is said about it, or with nothing but what the file itself shows (width
 * and layer), in which case explanations inside AR prompts stay unread.
 */
export async function openAnySplit(path: string, supplement: ForeignSupplement = {}): Promise<LookedAtSplit> {
  const name = splitOf(path);
  if (existsSync(datasetSidecarPath(path)) || supplement.preset !== undefined || supplement.sidecarFile !== undefined) {
    const sidecar = (await resolveSidecars({ [name]: path }, supplement))[name]?.sidecar;
    return { split: await openSplit(path, name, sidecar === undefined ? {} : { sidecar }), notes: [] };
  }
  const table = await openTable(path);
  const first = table.segments[0];
  const layer =
    first !== undefined && table.columns.has('activation_layer')
      ? Number((await table.read({ ...first, end: first.start + 1 }, ['activation_layer'])).records[0]?.['activation_layer'] ?? 0)
      : 0;
  const notes = ['There is no sidecar: width and layer are those of the file, and nothing could be checked.'];
  const unread = name === 'arSft' && !table.columns.has('api_explanation');
  if (unread) notes.push('Explanations stand inside the prompts; name a preset or a sidecar to read them.');
  return {
    split: await openSplit(path, unread ? 'heldOut' : name, { sidecar: bareSidecar(table.fileLength, table.dModel ?? 1, layer) }),
    notes,
  };
}

function bareSidecar(rowCount: number, dModel: number, layer: number): DatasetSidecar {
  const text = writeDatasetSidecar({
    datasetId: 'unknown',
    stage: 'base',
    rowCount,
    baseModel: 'unknown',
    dModel,
    layer,
    norm: 'none',
    templates: { av: null, ar: null, avChat: false },
    injectionScale: null,
    mseScale: null,
    perLayerIds: 'marker',
  });
  return parseSidecar(text, 'unknown') as DatasetSidecar;
}
