import type { Options } from 'tsup';

/** The build every package shares: ESM for Node 20.19, source maps, declarations are written by scripts/emit-declarations.mjs. */
export function libraryBuild(entry: string[] = ['src/index.ts']): Options {
  return { entry, format: ['esm'], target: 'node20', sourcemap: true, clean: false, dts: false, silent: true };
}
