import { defineConfig } from 'tsup';
import { libraryBuild } from '../../../tsup.base.js';

/** Programs of the recipe. nlakit's packages are compiled in from their sources, so that nothing has to be built before. */
export default defineConfig({
  ...libraryBuild(['recipe/pretrain.ts']),
  outDir: 'dist/recipe',
  noExternal: [/^@nlakit\//],
  esbuildOptions(options) {
    options.conditions = ['@nlakit/source'];
  },
});
