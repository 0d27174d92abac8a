import { defineConfig } from 'vitest/config';

/** Kinds of test that `pnpm test` leaves out; run one kind with `pnpm vitest run --tags-filter=slow`. */
const tags = ['slow', 'network', 'device', 'python'];

export default defineConfig({
  resolve: { conditions: ['@nlakit/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@nlakit/source', 'node', 'import', 'default'] } },
  test: {
    include: ['{packages,plugins,examples}/*/{src,test}/**/*.test.ts', '{docs/test,test}/**/*.test.ts'],
    typecheck: { enabled: true, include: ['{packages,plugins}/*/src/**/*.test-d.ts'], tsconfig: './tsconfig.test-d.json' },
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    clearMocks: true,
    // Otherwise one core is left to the runner, which needs little: on two, files would run one after another.
    maxWorkers: '100%',
    // What `backend: auto` becomes must not depend on what else is installed on the machine.
    env: { NLAKIT_BACKENDS: '@nlakit/backend-wasm' },
    // For what hangs; a slow or busy machine must not fail a test.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    tags: tags.map((name) => ({ name, timeout: 3_600_000 })),
  },
});
