import { freemem, release } from 'node:os';
import { resolve } from 'node:path';
import { isNlaError, type BackendCapabilities, type MemoryPlan, type OptionalArithmetic } from '@nlakit/core';
import {
  chooseFastest,
  composing,
  createRunParts,
  machineFacts,
  preparePlugin,
  resolveRun,
  type RunParts,
  type RunPlugins,
} from '@nlakit/run';
import { overridesOf, type CommandContext } from '../command-context.js';
import { bundledBackends, knownBackends } from '../host.js';
import { planMemory } from '../plan-memory.js';

interface BackendRow {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly version?: string;
  readonly description?: string;
  readonly capabilities?: BackendCapabilities;
  readonly gflops?: number;
  /** What options would turn on, and whether this machine has it. */
  readonly optionalArithmetic?: readonly OptionalArithmetic[];
}

/** `nla doctor`: machine, backends that start here, memory plan. Exit code 1 if no backend passes its self-test. */
export async function doctor(context: CommandContext, options: { readonly config?: string; readonly model?: string }): Promise<number> {
  const { common } = context;
  const facts = machineFacts();
  const machine = { ...facts, platform: `${facts.platform} ${release()}`, freeBytes: freemem() };
  const backends: BackendRow[] = [];
  for (const use of new Set([...knownBackends, ...(common.backend === undefined || common.backend === 'auto' ? [] : [common.backend])])) {
    backends.push(await tryBackend(context, use));
  }
  const automatic = chooseFastest(
    backends
      .filter(({ name }) => context.host.backends?.includes(name))
      .map(({ name, ...row }) => ({ use: name, ...row, ...(row.capabilities === undefined ? {} : composing(row.capabilities)) })),
  );
  const auto = automatic && { use: automatic.use, reason: automatic.reason };
  const plan = await makePlan(context, options);
  context.print({ machine, backends, ...(auto === undefined ? {} : { auto }), ...(plan === undefined ? {} : { plan }) }, () =>
    [
      `Node ${machine.node}, ${machine.platform}`,
      `${machine.cpu}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)} memory (${gibibytes(machine.freeBytes)} free)`,
      '',
      ...backends.flatMap(({ name, ok, reason, gflops, description, optionalArithmetic = [] }) =>
        ok
          ? [`ok    ${name}  ${gflops?.toFixed(1) ?? '?'} GFLOP/s  ${description ?? ''}`, ...optionalArithmetic.map(arithmeticLine)]
          : [`no    ${name}: ${reason ?? 'unknown reason'}`],
      ),
      ...(auto === undefined ? [] : [`backend: auto would be ${auto.use}, ${auto.reason}`]),
      ...(plan === undefined
        ? []
        : [
            '',
            options.config === undefined
              ? 'An AV step of the published recipe (preset seed: one row of 512 tokens, LoRA r=64 on attention and MLP):'
              : 'The largest step of this config:',
            ...plan.parts.map(({ name, bytes, place }) => `${gibibytes(bytes).padStart(10)}  ${name}${place === 'host' ? ' (host)' : ''}`),
            `${gibibytes(plan.peakBytes).padStart(10)}  peak on the backend`,
          ]),
    ].join('\n'),
  );
  return backends.some(({ ok }) => ok) ? 0 : 1;
}

async function tryBackend({ io, host, log }: CommandContext, use: string): Promise<BackendRow> {
  let parts: RunParts | undefined;
  try {
    const prepared = await preparePlugin('backend', { use }, { folder: io.cwd, host });
    parts = createRunParts({
      plugins: { backend: prepared, trainers: {}, evaluators: [] },
      seed: 0,
      baseFolder: io.cwd,
      signal: io.signal,
      log,
    });
    const backend = await parts.backend();
    const test = await backend.selfTest();
    const optionalArithmetic = await backend.optionalArithmetic?.();
    return {
      name: use,
      ok: test.ok,
      ...(test.ok ? {} : { reason: test.detail }),
      version: prepared.plugin.version,
      description: backend.description,
      capabilities: backend.capabilities,
      gflops: test.gflops,
      ...(optionalArithmetic === undefined ? {} : { optionalArithmetic }),
    };
  } catch (error) {
    if (isNlaError(error) && error.code === 'E_PLUGIN_UNKNOWN' && knownBackends.includes(use)) {
      return { name: use, ok: false, reason: `not installed; to have it: npm install ${use}` };
    }
    // Why a backend does not start is the answer here, whatever kind of error it is.
    return { name: use, ok: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await parts?.dispose();
  }
}

/** One line of what a backend could do besides, and how to turn it on where that helps. */
function arithmeticLine({ name, options, support, detail }: OptionalArithmetic): string {
  const given = Object.entries(options)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join(', ');
  const how = { native: `; to use it: options: { ${given} }`, unknown: `; to try it: options: { ${given} }`, emulated: '', missing: '' };
  return `      ${support === 'native' ? 'has' : support === 'unknown' ? 'may have' : 'lacks'} ${name}: ${detail}${how[support]}`;
}

async function makePlan(
  context: CommandContext,
  options: { readonly config?: string; readonly model?: string },
): Promise<MemoryPlan | undefined> {
  const { io, host, log } = context;
  const source = { folder: io.cwd, host };
  if (options.config !== undefined) {
    const { plugins, resolved, configFolder } = await resolveRun(resolve(io.cwd, options.config), host, overridesOf(context));
    const parts = createRunParts({ plugins, seed: 0, baseFolder: configFolder, signal: io.signal, log });
    try {
      return await planMemory(parts, plugins, resolved.model?.options);
    } finally {
      await parts.dispose();
    }
  }
  if (options.model === undefined) return undefined;
  const plugins: RunPlugins = {
    backend: await preparePlugin('backend', { use: context.common.backend ?? bundledBackends[0] ?? '' }, source),
    quantizer: await preparePlugin('quantizer', { use: '@nlakit/quantizer-nf4' }, source),
    model: await preparePlugin('model', { use: '@nlakit/model-gemma4', options: { source: options.model } }, source),
    trainers: { av: await preparePlugin('trainer', { use: '@nlakit/trainer-av-sft', options: { preset: 'seed' } }, source) },
    evaluators: [],
  };
  const parts = createRunParts({
    plugins,
    seed: 0,
    baseFolder: io.cwd,
    signal: io.signal,
    log,
  });
  try {
    return await planMemory(parts, plugins, undefined);
  } finally {
    await parts.dispose();
  }
}

function gibibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
