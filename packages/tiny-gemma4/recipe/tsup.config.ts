import { defineConfig } from 'tsup';
import { libraryBuild } from '../../../tsup.base.js';

/** The programs of the recipe. They load nlakit's built packages, not copies of them: see the scripts in package.json. */
export default defineConfig({
  ...libraryBuild(['recipe/pretrain.ts', 'recipe/replica-worker.ts', 'recipe/export-model.ts', 'recipe/probe.ts']),
  outDir: 'dist/recipe',
  skipNodeModulesBundle: true,
});
