import { NlaError, type Plugin, type PluginKind } from '@nlakit/core';
import { loadPlugin } from './plugin-loading.js';
import type { PreparedPlugin, RunHost } from './resolve-run.js';
import type { PluginSlot } from './run-config.js';

/**
 * Loads one plugin and validates its options, outside of any config. Throws what {@link loadPlugin} throws, and `E_OPTION`.
 */
export async function preparePlugin<Kind extends PluginKind>(
  kind: Kind,
  slot: PluginSlot,
  source: { readonly folder: string; readonly host: RunHost },
): Promise<PreparedPlugin<Kind>> {
  const { bundled, bundledNames } = source.host;
  const loaded = await loadPlugin(slot.use, kind, {
    folder: source.folder,
    ...(bundled === undefined ? {} : { bundled }),
    ...(bundledNames === undefined ? {} : { bundledNames }),
  });
  // loadPlugin has compared the kind, which the type of its result cannot say.
  const plugin = loaded.plugin as Plugin<Kind>;
  const result = await plugin.optionsSchema['~standard'].validate(slot.options ?? {});
  if (result.issues !== undefined) {
    const problems = result.issues.map(({ message, path }) => {
      const name = (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
      return name === '' ? message : `${name}: ${message}`;
    });
    throw new NlaError('E_OPTION', {
      message: `The options of "${slot.use}" are wrong: ${problems.join('; ')}`,
      found: JSON.stringify(slot.options ?? {}),
      kind: 'input',
    });
  }
  return { plugin, options: result.value };
}
