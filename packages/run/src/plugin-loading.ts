import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NlaError, SPEC_VERSION, type Plugin, type PluginKind } from '@nlakit/core';
import { createJiti } from 'jiti';
import { closest } from './closest.js';

/** How plugin modules are found. */
export interface PluginSource {
  /** Folder that specifiers are resolved from. */
  readonly folder: string;
  /** Imports a package that the host ships, for specifiers that the folder does not resolve. */
  readonly bundled?: (specifier: string) => Promise<unknown>;
  /** Packages the host ships, for suggestions. */
  readonly bundledNames?: readonly string[];
}

/** A plugin with the specifier it was found by. */
export interface LoadedPlugin {
  readonly use: string;
  readonly plugin: Plugin;
}

/**
 * Loads the plugin that `use` names: `@scope/package`, `package#export`, `./file.ts#export`. Loading runs the module's code.
 *
 * Throws `E_PLUGIN_UNKNOWN` (says what was tried), `E_PLUGIN_LOAD` (found, but its code failed), `E_PLUGIN_INVALID` (exports no plugin),
 * `E_PLUGIN_SPEC_VERSION` (names both versions) and `E_PLUGIN_KIND`.
 *
 * @param kind kind of the slot; undefined where any will do
 */
export async function loadPlugin(use: string, kind: PluginKind | undefined, source: PluginSource): Promise<LoadedPlugin> {
  const hash = use.indexOf('#');
  const specifier = hash < 0 ? use : use.slice(0, hash);
  const exportName = hash < 0 ? undefined : use.slice(hash + 1);
  const loaded = await importModule(specifier, source);
  const candidate = pickExport(loaded, exportName);
  if (!isPluginLike(candidate)) {
    const names = typeof loaded === 'object' && loaded !== null ? Object.keys(loaded) : [];
    throw new NlaError('E_PLUGIN_INVALID', {
      message: `"${use}" exports no plugin${exportName === undefined ? '' : ` named "${exportName}"`}.`,
      found: `exports ${names.length === 0 ? 'nothing' : names.join(', ')}`,
      expected: 'an object made by definePlugin of @nlakit/core, exported as "plugin" or as default',
      fix: `Name the export: ${specifier}#name.`,
      kind: 'input',
    });
  }
  if (candidate.specVersion !== SPEC_VERSION) {
    throw new NlaError('E_PLUGIN_SPEC_VERSION', {
      message: `"${use}" was made for another plugin specification.`,
      found: `specVersion ${JSON.stringify(candidate.specVersion)}`,
      expected: `specVersion "${SPEC_VERSION}"`,
      fix: 'Install a version of the plugin for this nlakit, or an nlakit for this plugin.',
      kind: 'input',
    });
  }
  if (kind !== undefined && candidate.kind !== kind) {
    throw new NlaError('E_PLUGIN_KIND', {
      message: `"${use}" is no ${kind} plugin.`,
      found: `a plugin of kind ${JSON.stringify(candidate.kind)}`,
      expected: `kind "${kind}"`,
      fix: 'Move it to the slot of its kind.',
      kind: 'input',
    });
  }
  return { use, plugin: candidate };
}

async function importModule(specifier: string, source: PluginSource): Promise<unknown> {
  const tried: string[] = [];
  const local = specifier.startsWith('.') || isAbsolute(specifier);
  const jiti = createJiti(join(source.folder, 'nla.config.yaml'), { interopDefault: false });
  const url = jiti.esmResolve(specifier, {
    parentURL: pathToFileURL(join(source.folder, 'nla.config.yaml')).href,
    conditions: ['node', 'import', 'default'],
    try: true,
  });
  if (url !== undefined) {
    try {
      return /\.[cm]?tsx?$/.test(url) ? await jiti.import(url) : ((await import(/* @vite-ignore */ url)) as unknown);
    } catch (cause) {
      if (local || !isMissing(cause)) throw loadFailure(specifier, cause);
    }
  }
  tried.push(local ? `the file ${specifier}` : `the package "${specifier}"`);
  tried[0] += ` from ${source.folder}`;
  if (!local && source.bundled !== undefined) {
    try {
      return await source.bundled(specifier);
    } catch (cause) {
      if (!isMissing(cause) || source.bundledNames?.includes(specifier) === true) throw loadFailure(specifier, cause);
      tried.push('the plugins that come with nlakit');
    }
  }
  const suggestion = closest(specifier, source.bundledNames ?? []);
  throw new NlaError('E_PLUGIN_UNKNOWN', {
    message: `There is no plugin "${specifier}".`,
    found: `tried ${tried.join(', and ')}`,
    expected: local ? 'a module that exports a plugin' : 'an installed package that exports a plugin',
    fix:
      suggestion === undefined
        ? local
          ? "Correct the path; it starts from the config's folder."
          : `Install it (npm install ${specifier}) or correct the name.`
        : `Did you mean "${suggestion}"?`,
    kind: 'input',
  });
}

function loadFailure(specifier: string, cause: unknown): NlaError {
  return new NlaError('E_PLUGIN_LOAD', {
    message: `"${specifier}" was found, but loading it failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: 'Correct the module, or install what it imports.',
    kind: 'input',
    cause,
  });
}

function isMissing(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { code } = cause as NodeJS.ErrnoException;
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    /^Failed to (load|resolve)|Cannot find (module|package)/.test(cause.message)
  );
}

function pickExport(loaded: unknown, name: string | undefined): unknown {
  if (typeof loaded !== 'object' || loaded === null) return undefined;
  const exports = loaded as Record<string, unknown>;
  return name === undefined ? (exports['plugin'] ?? exports['default']) : exports[name];
}

function isPluginLike(value: unknown): value is Plugin {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  return (
    'specVersion' in record &&
    typeof record['kind'] === 'string' &&
    typeof record['name'] === 'string' &&
    typeof record['create'] === 'function'
  );
}
