import { preparePlugin } from '@nlakit/run';
import { afterEach, expect, it, vi } from 'vitest';
import { bundledPlugins, cliHost, knownBackends } from './host.js';

afterEach(() => vi.unstubAllEnvs());

it('comes with evaluators that any run can be measured by, without a word in its config', async () => {
  for (const use of ['h5', 'retrieval', 'ceiling', 'patching'].map((name) => `@nlakit/evaluator-${name}`)) {
    expect(bundledPlugins).toContain(use);
    const { plugin, options } = await preparePlugin('evaluator', { use }, { folder: '/', host: cliHost() });
    expect(plugin).toMatchObject({ kind: 'evaluator', name: use });
    expect(options).toHaveProperty('seedName');
  }
});

it('tries the backend that is there everywhere first, and those that the environment names alone', () => {
  vi.stubEnv('NLAKIT_BACKENDS', '');
  expect(cliHost().backends).toEqual(knownBackends);
  expect(knownBackends[0]).toBe('@nlakit/backend-wasm');
  vi.stubEnv('NLAKIT_BACKENDS', './mine.js#plugin, @nlakit/backend-wasm');
  expect(cliHost().backends).toEqual(['./mine.js#plugin', '@nlakit/backend-wasm']);
});
