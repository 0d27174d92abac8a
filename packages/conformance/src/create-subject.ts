import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NlaError, type Plugin, type PluginContext, type PluginKind, type SeamMap } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import type { Finding, Subject } from './conformance-case.js';
import { fail } from './check.js';
import type { CommonFixtures, FixturesOf } from './fixtures.js';
import { startEngine } from './start-engine.js';
import { createToyPart } from './toy/toy-part.js';
import { silentLogger } from './toy/toy-stage.js';

/** A subject with what its cases reported, to be disposed of when they are done. */
export interface OpenSubject<Kind extends PluginKind> extends Subject<Kind> {
  readonly findings: readonly Finding[];
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  dispose(): Promise<void>;
}

/** Prepares a plugin for its cases. Nothing of it runs before a case asks for it. */
export function createSubject<Kind extends PluginKind>(plugin: Plugin<Kind>, fixtures: FixturesOf<Kind>): OpenSubject<Kind> {
  const common: CommonFixtures = fixtures;
  const folders: string[] = [];
  const findings: Finding[] = [];
  const asked = new Set<PluginKind>();
  const facts: Record<string, string | number | boolean> = {};
  let stated: Promise<object> | undefined;
  let accepted: Promise<unknown> | undefined;
  let instance: Promise<SeamMap[Kind]> | undefined;

  const folder = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'nla-conformance-'));
    folders.push(made);
    return made;
  };
  const state = async (): Promise<object> =>
    typeof common.options === 'function' ? common.options(await folder()) : (common.options ?? {});
  const given = (): Promise<object> => (stated ??= state());
  const validated = async (): Promise<unknown> => {
    const result = await plugin.optionsSchema['~standard'].validate(await given());
    if (result.issues !== undefined) {
      fail(
        'The options of the fixtures are refused.',
        result.issues.map(({ message }) => message).join('; '),
        'options the plugin accepts',
      );
    }
    return result.value;
  };
  const options = (): Promise<unknown> => (accepted ??= validated());

  const create = async (own?: unknown, context: Partial<PluginContext> = {}): Promise<SeamMap[Kind]> => {
    await startEngine(plugin.kind, common);
    const parts = new Map<PluginKind, unknown>();
    for (const kind of plugin.needs ?? []) parts.set(kind, await (common.parts?.[kind]?.() ?? createToyPart(kind)));
    return plugin.create(own ?? (await options()), {
      use: <Needed extends PluginKind>(kind: Needed): SeamMap[Needed] => {
        asked.add(kind);
        if (!parts.has(kind)) {
          throw new NlaError('E_PLUGIN_NEEDS', {
            message: `The plugin asks for the ${kind}, which its \`needs\` do not list.`,
            fix: `Add '${kind}' to needs.`,
          });
        }
        return parts.get(kind) as SeamMap[Needed];
      },
      seeds: createSeedStreams(1),
      signal: new AbortController().signal,
      log: silentLogger,
      baseFolder: common.baseFolder ?? (await folder()),
      ...context,
    });
  };

  return {
    plugin,
    fixtures,
    asked,
    given,
    options,
    create,
    shared: () => (instance ??= create()),
    folder,
    findings,
    facts,
    report: (finding) => void findings.push(finding),
    record: (name, value) => void (facts[name] = value),
    async dispose() {
      for (const made of folders) await rm(made, { recursive: true, force: true });
    },
  };
}
