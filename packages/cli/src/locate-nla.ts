import { join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { isRepositoryId } from '@nlakit/hub';
import { readRetractions, runLayout, stepsOf, type Role } from '@nlakit/run';
import { SIDECAR_FILE } from '@nlakit/sidecar';
import { runTarget, usage, type CommandContext } from './command-context.js';
import { exists } from './exists.js';
import { placeOf, sidecarMissing, type CheckpointPlace } from './checkpoint-place.js';
import { fetchAdapter, parseHubAdapter } from './hub-adapter.js';
import { everyStepRetracted, passedOver } from './passed-over.js';

/** Where an NLA lies. */
export interface NlaPlace {
  /** The run that it is part of; absent for what was published. */
  readonly runFolder?: string;
  readonly verbalizer: CheckpointPlace;
  /** Absent where nothing says which reconstructor belongs to the verbalizer. */
  readonly reconstructor?: CheckpointPlace;
}

/** How an NLA is named besides its folder or Hub id. */
export interface NlaReference {
  /** Folder of one adapter. */
  readonly subfolder?: string;
  /** Branch, tag or commit on the Hub. */
  readonly revision?: string;
  /** Folder of a reconstructor, or `owner/name[@revision][:subfolder]`. */
  readonly ar?: string;
}

/**
 * Finds the verbalizer, and the reconstructor beside it, in a run, a published trajectory, a step folder of either, a folder with one
 * adapter, or a repository on the Hub, of which the adapters in question are fetched and nothing else. The newest steps unless one is named;
 * one that was retracted has to be named.
 *
 * Throws `E_USAGE`, `E_RUN_MISSING`, `E_STEP_MISSING`, `E_STEP_RETRACTED`, `E_SIDECAR_MISSING`, `E_HUB_ADAPTER` and the `E_HUB_…` errors of fetching.
 */
export async function locateNla(context: CommandContext, target: string, reference: NlaReference = {}): Promise<NlaPlace> {
  const { cwd } = context.io;
  const named = reference.ar === undefined ? undefined : await locateReconstructor(context, reference.ar);
  if (!(await exists(resolve(cwd, target))) && isRepositoryId(target.split('@')[0] ?? '')) {
    const hub = { reference: target, ...(reference.revision === undefined ? {} : { revision: reference.revision }) };
    const { subfolder } = reference;
    const verbalizer = await fetchAdapter(context, { ...hub, role: 'av', ...(subfolder === undefined ? {} : { subfolder }) });
    if (verbalizer === undefined) throw new TypeError('A verbalizer was neither found nor missed.');
    const reconstructor = named ?? (await fetchAdapter(context, { ...hub, role: 'ar' }));
    return { verbalizer, ...(reconstructor === undefined ? {} : { reconstructor }) };
  }
  if (reference.revision !== undefined)
    throw usage('--revision', reference.revision, 'a repository on the Hub before it: a folder has no revisions');
  return locateInFolder(context, reference.subfolder === undefined ? target : join(target, reference.subfolder), named);
}

async function locateInFolder(context: CommandContext, target: string, named: CheckpointPlace | undefined): Promise<NlaPlace> {
  const folder = resolve(context.io.cwd, target);
  const found = await runTarget(target, context);
  const layout = runLayout(found.runFolder);
  const isRun = await exists(layout.runFile);
  if (!isRun && (await stepsOf(layout.checkpoints('av'))).length === 0) {
    if (await exists(join(folder, 'adapter_config.json'))) return adapterAlone(folder, named);
    throw new NlaError('E_RUN_MISSING', {
      message: 'This is neither a run nor a published trajectory nor an adapter.',
      file: folder,
      found: 'no run.json, no step folder below trajectory/, no adapter_config.json',
      expected: 'a folder made by `nla run` or `nla publish`, a step folder in one, or the id of a repository on the Hub',
      kind: 'input',
    });
  }
  if (found.role === 'ar') throw usage('The folder', target, 'a run folder, a published trajectory, or a step of one');
  const newest = async (role: Role): Promise<CheckpointPlace | undefined> => {
    const steps = await stepsOf(layout.checkpoints(role));
    const retracted = role === 'av' ? (await readRetractions(layout.folder)).steps : new Map<number, never>();
    const step = steps.filter((one) => !retracted.has(one)).at(-1);
    if (step === undefined && steps.length > 0) throw everyStepRetracted(layout.checkpoints(role), steps);
    if (step === undefined) return undefined;
    for (const line of passedOver(retracted, step)) context.log.warn(line);
    return { folder: layout.checkpoint(role, step), step };
  };
  const verbalizer = found.step === undefined ? await newest('av') : { folder: layout.checkpoint('av', found.step), step: found.step };
  if (verbalizer === undefined) throw stepMissing('av', layout.checkpoints('av'));
  const reconstructor = named ?? (await newest('ar'));
  if (reconstructor === undefined && isRun) throw stepMissing('ar', layout.checkpoints('ar'));
  return { ...(isRun ? { runFolder: found.runFolder } : {}), verbalizer, ...(reconstructor === undefined ? {} : { reconstructor }) };
}

async function adapterAlone(folder: string, reconstructor: CheckpointPlace | undefined): Promise<NlaPlace> {
  if (!(await exists(join(folder, SIDECAR_FILE)))) throw sidecarMissing(folder);
  return { verbalizer: placeOf(folder), ...(reconstructor === undefined ? {} : { reconstructor }) };
}

async function locateReconstructor(context: CommandContext, text: string): Promise<CheckpointPlace> {
  const folder = resolve(context.io.cwd, text);
  if (await exists(folder)) {
    const steps = await stepsOf(runLayout(folder).checkpoints('ar'));
    const step = steps.at(-1);
    return step === undefined ? placeOf(folder) : { folder: runLayout(folder).checkpoint('ar', step), step };
  }
  const hub = parseHubAdapter(text);
  if (hub === undefined) throw usage('--ar', text, 'a folder that is there, or owner/name[@revision][:subfolder]');
  const found = await fetchAdapter(context, { ...hub, role: 'ar' });
  if (found !== undefined) return found;
  throw new NlaError('E_HUB_ADAPTER', {
    message: 'The repository has no reconstructor.',
    found: text,
    expected: 'a folder reconstructor/step_…, or one with a value head',
    fix: 'Name its folder: --ar owner/name:folder.',
    kind: 'input',
  });
}

function stepMissing(role: Role, folder: string): NlaError {
  return new NlaError('E_STEP_MISSING', {
    message: `There is no ${role.toUpperCase()} checkpoint here yet.`,
    file: folder,
    fix: `Train it: nla train <config> --role ${role}.`,
    kind: 'input',
  });
}
