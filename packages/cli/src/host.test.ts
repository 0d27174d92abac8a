import { preparePlugin } from '@nlakit/run';
import { expect, it } from 'vitest';
import { bundledPlugins, cliHost } from './host.js';

it('comes with evaluators that any run can be measured by, without a word in its config', async () => {
  for (const use of ['h5', 'retrieval', 'ceiling', 'patching'].map((name) => `@nlakit/evaluator-${name}`)) {
    expect(bundledPlugins).toContain(use);
    const { plugin, options } = await preparePlugin('evaluator', { use }, { folder: '/', host: cliHost() });
    expect(plugin).toMatchObject({ kind: 'evaluator', name: use });
    expect(options).toHaveProperty('seedName');
  }
});
