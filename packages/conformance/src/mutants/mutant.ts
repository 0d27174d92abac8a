import type { Plugin, PluginContext, PluginKind, SeamMap } from '@nlakit/core';

/** A way to be wrong, and the case that must notice. */
export interface Mutant<Kind extends PluginKind> {
  /** What the mutant does that no plugin may do: `drops empty outputs`. */
  readonly name: string;
  /** Name of the case that fails for it. */
  readonly caughtBy: string;
  /** The plugin with that one fault. */
  readonly of: (plugin: Plugin<Kind>) => Plugin<Kind>;
}

/** A mutant that changes what the plugin creates. */
export function mutate<Kind extends PluginKind>(
  name: string,
  caughtBy: string,
  change: (made: SeamMap[Kind], context: PluginContext) => SeamMap[Kind] | Promise<SeamMap[Kind]>,
): Mutant<Kind> {
  return {
    name,
    caughtBy,
    of: (plugin) => ({ ...plugin, create: async (options, context) => change(await plugin.create(options, context), context) }),
  };
}
