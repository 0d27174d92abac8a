import { defineConfig } from 'tsup';
import { libraryBuild } from '../../tsup.base.js';

export default defineConfig({
  ...libraryBuild(),
  entry: {
    index: 'src/index.ts',
    vitest: 'src/vitest.ts',
    'mutants/index': 'src/mutants/index.ts',
    'fake-hub/index': 'src/fake-hub/index.ts',
    'fake-chat/index': 'src/fake-chat/index.ts',
  },
});
