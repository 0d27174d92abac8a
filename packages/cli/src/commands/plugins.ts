import { resolve } from 'node:path';
import { isNlaError, SPEC_VERSION, type PluginKind } from '@nlakit/core';
import { checkConfig, loadPlugin, type ResolvedRun } from '@nlakit/run';
import { bundledPlugins } from '../host.js';
import { overridesOf, type CommandContext } from '../command-context.js';
import { shippedConformance, type ShippedConformance } from '../shipped-conformance.js';

interface PluginRow {
  readonly use: string;
  readonly kind: string;
  readonly name?: string;
  readonly version?: string;
  readonly specVersion?: string;
  readonly source: 'bundled' | 'config';
  /** What the plugin's package says of its conformance. */
  readonly conformance?: ShippedConformance;
  readonly problem?: string;
}

/** `nla plugins`: those that come with the command line, and those a config names. */
export async function plugins(context: CommandContext, options: { readonly config?: string }): Promise<undefined> {
  const rows: PluginRow[] = [];
  for (const use of bundledPlugins) rows.push(await describeBundled(context, use));
  if (options.config !== undefined) {
    const check = await checkConfig(resolve(context.io.cwd, options.config), context.host, overridesOf(context));
    if (!check.ok) throw check.issues[0]?.error ?? new Error('A failed check names no issue.');
    for (const row of slotsOf(check.preparation.resolved)) {
      if (rows.some(({ name }) => name === row.name)) continue;
      rows.push({ ...row, specVersion: SPEC_VERSION, source: 'config', ...(await conformanceOf(row, context)) });
    }
  }
  context.print({ plugins: rows }, () => {
    const width = Math.max(...rows.map(({ use }) => use.length));
    return rows
      .map(
        ({ use, kind, version, specVersion, conformance, problem }) =>
          `${use.padEnd(width)}  ${kind.padEnd(9)}  ${problem ?? `${version ?? ''}  spec ${specVersion ?? ''}${levelOf(conformance)}`}`,
      )
      .join('\n');
  });
  return undefined;
}

async function describeBundled({ host, io }: CommandContext, use: string): Promise<PluginRow> {
  const kind = kindOf(use);
  try {
    const { plugin } = await loadPlugin(use, kind, { folder: io.cwd, ...host });
    const { name, version, specVersion } = plugin;
    return { use, kind, name, version, specVersion, source: 'bundled', ...(await conformanceOf(plugin, { io })) };
  } catch (error) {
    if (!isNlaError(error)) throw error;
    return { use, kind, source: 'bundled', problem: `${error.code}: ${error.details.message}` };
  }
}

async function conformanceOf(
  plugin: { readonly name: string; readonly version: string },
  { io }: Pick<CommandContext, 'io'>,
): Promise<{ readonly conformance?: ShippedConformance }> {
  const conformance = await shippedConformance(plugin, io.cwd);
  return conformance === undefined ? {} : { conformance };
}

function levelOf(conformance: ShippedConformance | undefined): string {
  if (conformance === undefined) return '';
  return `  conformance level ${conformance.level}${conformance.version === undefined ? '' : ` (of ${conformance.version})`}`;
}

/** The kind is the first word of a plugin's package name; the plain quantizer lives in the operations. */
function kindOf(use: string): PluginKind {
  const word = /^@nlakit\/([a-z]+)/.exec(use)?.[1];
  return word === 'ops' ? 'quantizer' : (word as PluginKind);
}

function slotsOf(
  run: ResolvedRun,
): readonly { readonly use: string; readonly kind: string; readonly name: string; readonly version: string }[] {
  return [
    { kind: 'backend', slot: run.backend },
    { kind: 'quantizer', slot: run.quantizer },
    { kind: 'model', slot: run.model },
    { kind: 'injector', slot: run.injector },
    { kind: 'dataset', slot: run.dataset },
    { kind: 'trainer', slot: run.trainers.ar },
    { kind: 'trainer', slot: run.trainers.av },
    ...run.evaluators.map((slot) => ({ kind: 'evaluator', slot })),
    { kind: 'publisher', slot: run.publisher },
  ].flatMap(({ kind, slot }) => (slot === undefined ? [] : [{ kind, use: slot.use, name: slot.name, version: slot.version }]));
}
