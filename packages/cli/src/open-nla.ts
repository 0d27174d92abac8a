import { join, resolve } from 'node:path';
import { NlaError, type Injector, type Model } from '@nlakit/core';
import { openReconstructor, openVerbalizer, readModelSidecar, type Reconstructor, type Verbalizer } from '@nlakit/nla';
import { createRunParts, preparePlugin, readRetractions, reopenSession, retractionWarning, type PluginSlot } from '@nlakit/run';
import { SIDECAR_FILE, type ContractSupplement, type ModelSidecar } from '@nlakit/sidecar';
import { overridesOf, type CommandContext } from './command-context.js';
import { locateNla, type NlaReference } from './locate-nla.js';

/** A verbalizer, with its reconstructor where there is one, and the model they share. */
export interface OpenedNla {
  readonly model: Model;
  readonly verbalizer: Verbalizer;
  readonly reconstructor: Reconstructor | undefined;
  /** Null where the name of its folder states none. */
  readonly step: number | null;
  readonly reconstructorStep: number | null;
  dispose(): Promise<void>;
}

/** What opening an NLA can be told. */
export interface OpenNlaOptions extends NlaReference {
  /** Where the base model lies, if not where the run or the sidecar says. */
  readonly source?: string;
  /** What an incomplete published sidecar leaves out. */
  readonly supplement?: ContractSupplement;
}

/**
 * Opens an NLA from wherever {@link locateNla} finds it. A run says itself how its model was loaded; of a published one the sidecars say
 * it, and `source` where the base model lies.
 */
export async function openNla(context: CommandContext, target: string, options: OpenNlaOptions = {}): Promise<OpenedNla> {
  const { io, host, log } = context;
  const { source, supplement } = options;
  const place = await locateNla(context, target, options);
  const stepFolder = place.verbalizer.folder;
  const supplemented = supplement === undefined ? {} : { supplement };
  const parts =
    place.runFolder === undefined
      ? await partsOfRelease(context, await readModelSidecar(join(stepFolder, SIDECAR_FILE), 'av'), source)
      : await partsOfRun(context, place.runFolder, source);
  try {
    const model = await parts.model();
    const verbalizer = await openVerbalizer({ folder: stepFolder, model, injector: await parts.injector(), ...supplemented });
    const reconstructor =
      place.reconstructor === undefined
        ? undefined
        : await openReconstructor({ folder: place.reconstructor.folder, model, ...supplemented });
    const { step } = place.verbalizer;
    // A published sidecar says it itself; the step folder of a run keeps the bytes that training wrote.
    const retraction =
      step === null || place.runFolder === undefined ? undefined : (await readRetractions(place.runFolder)).steps.get(step);
    const retracted = retraction === undefined ? [] : [retractionWarning(retraction)];
    for (const { code, message } of [...retracted, ...verbalizer.warnings, ...(reconstructor?.warnings ?? [])])
      log.warn(`${code}: ${message}`);
    const trainedOn = verbalizer.sidecar.training?.['base_model_fingerprint'];
    // A run holds itself to its model. Here the same weights may come in other files, so another fingerprint is no proof.
    if (
      place.runFolder === undefined &&
      typeof trainedOn === 'string' &&
      model.spec.fingerprint !== undefined &&
      trainedOn !== model.spec.fingerprint
    ) {
      log.warn(
        `W_MODEL_CHANGED: ${model.spec.name} lies here in other files than those this NLA was trained on. With other weights its explanations mean nothing.`,
      );
    }
    return {
      model,
      verbalizer,
      reconstructor,
      step: place.verbalizer.step,
      reconstructorStep: place.reconstructor?.step ?? null,
      async dispose() {
        reconstructor?.dispose();
        verbalizer.dispose();
        await parts.dispose();
      },
    };
  } catch (error) {
    await parts.dispose();
    throw error;
  }

  async function partsOfRun(runContext: CommandContext, runFolder: string, modelSource: string | undefined): Promise<NlaParts> {
    const moved = modelSource === undefined ? [] : [{ path: 'model.options.source', value: sourceFrom(io.cwd, modelSource) }];
    const session = await reopenSession(runFolder, { host, log, signal: io.signal, overrides: [...overridesOf(runContext), ...moved] });
    return { model: () => session.parts.model(), injector: () => session.parts.injector(), dispose: () => session.dispose() };
  }

  async function partsOfRelease({ common }: CommandContext, sidecar: ModelSidecar, modelSource = sidecar.baseModel): Promise<NlaParts> {
    const from = { folder: io.cwd, host };
    const backend = common.backend === undefined || common.backend === 'auto' ? (host.backends?.[0] ?? 'auto') : common.backend;
    return createRunParts({
      plugins: {
        backend: await preparePlugin('backend', { use: backend }, from),
        quantizer: await preparePlugin('quantizer', quantizerOf(sidecar, host.bundledNames ?? []), from),
        model: await preparePlugin('model', { use: '@nlakit/model-gemma4', options: { source: modelSource } }, from),
        injector: await preparePlugin(
          'injector',
          { use: '@nlakit/injector-embedding', options: { perLayerIds: sidecar.perLayerIds } },
          from,
        ),
        trainers: {},
        evaluators: [],
      },
      seed: 0,
      baseFolder: io.cwd,
      signal: io.signal,
      log,
    });
  }
}

interface NlaParts {
  model(): Promise<Model>;
  injector(): Promise<Injector>;
  dispose(): Promise<void>;
}

/** How the base model's weights were kept in training; plain where the sidecar does not say. */
function quantizerOf(sidecar: ModelSidecar, bundled: readonly string[]): PluginSlot {
  const stated = sidecar.training?.['quantizer'];
  if (typeof stated !== 'object' || stated === null || Array.isArray(stated)) return { use: '@nlakit/ops#plain' };
  const { name, options } = stated as { readonly name?: unknown; readonly options?: unknown };
  // A sidecar comes from anywhere: it may choose among the plugins that are here, not load others.
  if (typeof name !== 'string' || !bundled.includes(name)) {
    throw new NlaError('E_PLUGIN_UNKNOWN', {
      message: 'The sidecar names a quantizer that does not come with nlakit.',
      found: String(name),
      expected: bundled.join(', '),
      fix: 'Open it from a run whose config names that quantizer.',
      kind: 'input',
    });
  }
  const use = name === '@nlakit/ops' ? '@nlakit/ops#plain' : name;
  return { use, ...(typeof options === 'object' && options !== null ? { options: options as Readonly<Record<string, unknown>> } : {}) };
}

function sourceFrom(cwd: string, source: string): string {
  return source.startsWith('.') ? resolve(cwd, source) : source;
}
