import { defineConfig } from 'tsup';
import { libraryBuild } from '../../../tsup.base.js';

/** The programs of the recipe. They use the built packages: see the scripts in package.json. */
export default defineConfig({ ...libraryBuild(['recipe/pretrain.ts', 'recipe/replica-worker.ts']), outDir: 'dist/recipe' });
