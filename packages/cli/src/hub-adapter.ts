import { NlaError } from '@nlakit/core';
import { isRepositoryId, listRevision, pull, type ListedFile } from '@nlakit/hub';
import { readRetractions, RETRACTIONS_FILE, stepOfName, type Retraction } from '@nlakit/run';
import { SIDECAR_FILE } from '@nlakit/sidecar';
import { placeOf, sidecarMissing, type CheckpointPlace } from './checkpoint-place.js';
import type { CommandContext } from './command-context.js';
import { everyStepRetracted, passedOver } from './passed-over.js';

/** An adapter on the Hub: `reference` is `owner/name`, with `@revision` if need be. */
export interface HubAdapter {
  readonly reference: string;
  readonly revision?: string;
  readonly subfolder?: string;
}

/** Reads `owner/name[@revision][:subfolder]`; undefined for what has another form. */
export function parseHubAdapter(text: string): HubAdapter | undefined {
  const colon = text.indexOf(':');
  const reference = colon < 0 ? text : text.slice(0, colon);
  if (!isRepositoryId(reference.split('@')[0] ?? '')) return undefined;
  return { reference, ...(colon < 0 ? {} : { subfolder: text.slice(colon + 1) }) };
}

/**
 * Fetches one adapter of a repository into the cache that the Python tools share: the one in `subfolder`, else the newest of its
 * trajectory that is not retracted, else the only one there is. Of a reconstructor that is not named, undefined where the repository has none.
 *
 * Throws `E_HUB_ADAPTER` where several adapters are there and none is named, `E_STEP_RETRACTED` where every step is retracted, `E_RETRACTIONS`,
 * `E_SIDECAR_MISSING`, and what `pull` throws.
 */
export async function fetchAdapter(
  { io, log }: CommandContext,
  { reference, revision, subfolder, role }: HubAdapter & { readonly role: 'av' | 'ar' },
): Promise<CheckpointPlace | undefined> {
  const common = {
    ...(revision === undefined ? {} : { revision }),
    signal: io.signal,
    onWarning: (message: string): void => log.warn(message),
  };
  const { id, files } = await listRevision(reference, common);
  let folder = subfolder?.replace(/^\.?\/+|\/+$/g, '');
  if (folder === undefined) {
    const retracted =
      role === 'av' && files.some(({ path }) => path === RETRACTIONS_FILE) ? await retractedSteps() : new Map<number, never>();
    folder = chooseFolder(id, files, role, retracted);
    const step = stepOfName(folder?.split('/').at(-1) ?? '');
    if (step !== undefined) for (const line of passedOver(retracted, step)) log.warn(line);
  }
  if (folder === undefined) return undefined;
  const prefix = folder === '' ? '' : `${folder}/`;
  const has = (name: string): boolean => files.some(({ path }) => path === `${prefix}${name}`);
  // A folder that is not there at all is for `pull` to speak of: it says which ones are.
  if (!has(SIDECAR_FILE) && has('adapter_config.json')) throw sidecarMissing(`${id}/${folder}`);
  const pulled = await pull(reference, {
    ...common,
    ...(folder === '' ? {} : { subfolder: folder }),
    onProgress: ({ doneBytes, totalBytes }) => log.progress({ task: `fetch ${id}`, done: doneBytes, total: totalBytes, unit: 'bytes' }),
  });
  return placeOf(pulled.folder);

  async function retractedSteps(): Promise<ReadonlyMap<number, Retraction>> {
    const { snapshot } = await pull(reference, { ...common, include: [RETRACTIONS_FILE] });
    return (await readRetractions(snapshot)).steps;
  }
}

/** The folder of the adapter that a repository is about. */
function chooseFolder(
  id: string,
  files: readonly ListedFile[],
  role: 'av' | 'ar',
  retracted: ReadonlyMap<number, unknown>,
): string | undefined {
  const paths = files.map(({ path }) => path);
  const folders = paths.flatMap(
    (path) =>
      /^(?:(.*)\/)?adapter_config\.json$/
        .exec(path)
        ?.slice(1, 2)
        .map((folder?: string) => folder ?? '') ?? [],
  );
  const hasHead = (folder: string): boolean =>
    ['value_head.safetensors', 'linear_head.pt'].some((name) => paths.includes(folder === '' ? name : `${folder}/${name}`));
  const own = folders.filter((folder) => hasHead(folder) === (role === 'ar'));
  const trajectory = own.filter((folder) => folder.startsWith(role === 'av' ? 'trajectory/' : 'reconstructor/'));
  const candidates = trajectory.length > 0 ? trajectory : own;
  const steps = candidates.map((folder) => stepOfName(folder.split('/').at(-1) ?? ''));
  const oneSeries = new Set(candidates.map((folder) => folder.slice(0, folder.lastIndexOf('/') + 1))).size === 1;
  if (candidates.length > 0 && oneSeries && steps.every((step) => step !== undefined)) {
    const standing = candidates.filter((_, at) => !retracted.has(steps[at] ?? NaN));
    if (standing.length === 0) throw everyStepRetracted(id, steps);
    return standing.reduce((newest, folder) => (folder > newest ? folder : newest));
  }
  if (candidates.length === 1) return candidates[0];
  if (role === 'ar') return undefined;
  throw new NlaError('E_HUB_ADAPTER', {
    message:
      candidates.length === 0
        ? 'The repository has no adapter.'
        : 'The repository has several adapters, and nothing says which one is meant.',
    found: candidates.length === 0 ? `${files.length} files` : candidates.map((folder) => folder || 'one at the top').join(', '),
    expected: 'a trajectory (trajectory/step_…, or step_… at the top), or one adapter',
    fix: candidates.length === 0 ? `Look at what it has: nla pull ${id} --all.` : 'Name its folder: --subfolder <folder>.',
    kind: 'input',
  });
}
