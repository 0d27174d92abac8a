import type { PluginKind } from '@nlakit/core';

/** The module that a name on the command line means: `directory` is `@nlakit/publisher-directory`; whatever looks like a module is one. */
export function pluginSpecifier(kind: PluginKind, name: string): string {
  return /[/.#@]/.test(name) ? name : `@nlakit/${kind}-${name}`;
}
