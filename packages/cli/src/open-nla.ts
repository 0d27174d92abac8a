import { join, resolve } from 'node:path';
import { NlaError, type Injector, type Model } from '@nlakit/core';
import { openReconstructor, openVerbalizer, readModelSidecar, type Reconstructor, type Verbalizer } from '@nlakit/nla';
import { createRunParts, preparePlugin, reopenSession, runLayout, stepsOf, type PluginSlot, type Role, type RunLayout } from '@nlakit/run';
import type { ModelSidecar } from '@nlakit/sidecar';
import { exists } from './exists.js';
import { overridesOf, runTarget, usage, type CommandContext } from './command-context.js';

/** A verbalizer and a reconstructor with the model they share. */
export interface OpenedNla {
  readonly model: Model;
  readonly verbalizer: Verbalizer;
  readonly reconstructor: Reconstructor;
  readonly step: number;
  readonly reconstructorStep: number;
  dispose(): Promise<void>;
}

/**
 * Opens an NLA from a run, from a published trajectory (the same folders without `run.json`), or from one step folder of either; the
 * newest steps unless one is named. A run says itself how its model was loaded; of a published one the sidecars say it, and `source`
 * where the base model lies.
 */
export async function openNla(context: CommandContext, folder: string, source?: string): Promise<OpenedNla> {
  const { io, host, log } = context;
  const target = await runTarget(folder, context);
  if (target.role === 'ar') throw usage('The folder', folder, 'a run folder, a published trajectory, or a step of one');
  const layout = runLayout(target.runFolder);
  const isRun = await exists(layout.runFile);
  if (!isRun && (await stepsOf(layout.checkpoints('av'))).length === 0) {
    throw new NlaError('E_RUN_MISSING', {
      message: 'This is neither a run nor a published trajectory.',
      file: target.runFolder,
      found: 'no run.json, and no step folder below trajectory/',
      expected: 'a folder made by `nla run` or `nla publish`, or a step folder in one',
      kind: 'input',
    });
  }
  const step = target.step ?? (await newestStep(layout, 'av'));
  const reconstructorStep = await newestStep(layout, 'ar');
  const stepFolder = layout.checkpoint('av', step);
  const parts = isRun
    ? await partsOfRun(context, target.runFolder, source)
    : await partsOfRelease(context, await readModelSidecar(join(stepFolder, 'nla_meta.yaml'), 'av'), source);
  try {
    const model = await parts.model();
    const verbalizer = await openVerbalizer({ folder: stepFolder, model, injector: await parts.injector() });
    const reconstructor = await openReconstructor({ folder: layout.checkpoint('ar', reconstructorStep), model });
    for (const { code, message } of [...verbalizer.warnings, ...reconstructor.warnings]) log.warn(`${code}: ${message}`);
    const trainedOn = verbalizer.sidecar.training?.['base_model_fingerprint'];
    // A run holds itself to its model. Here the same weights may come in other files, so another fingerprint is no proof.
    if (!isRun && typeof trainedOn === 'string' && model.spec.fingerprint !== undefined && trainedOn !== model.spec.fingerprint) {
      log.warn(
        `W_MODEL_CHANGED: ${model.spec.name} lies here in other files than those this NLA was trained on. With other weights its explanations mean nothing.`,
      );
    }
    return {
      model,
      verbalizer,
      reconstructor,
      step,
      reconstructorStep,
      async dispose() {
        reconstructor.dispose();
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

async function newestStep(layout: RunLayout, role: Role): Promise<number> {
  const step = (await stepsOf(layout.checkpoints(role))).at(-1);
  if (step !== undefined) return step;
  throw new NlaError('E_STEP_MISSING', {
    message: `There is no ${role.toUpperCase()} checkpoint here yet.`,
    file: layout.checkpoints(role),
    fix: `Train it: nla train <config> --role ${role}.`,
    kind: 'input',
  });
}
