import { createRequire } from 'node:module';

/** Name and version of this package: what runs record of the plugin. */
export const identity = createRequire(import.meta.url)('../package.json') as { readonly name: string; readonly version: string };
