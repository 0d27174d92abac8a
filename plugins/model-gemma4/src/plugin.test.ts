import { expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import defaultExport, { plugin } from './index.js';

it('is a model plugin that validates its options', async () => {
  expect(defaultExport).toBe(plugin);
  expect(plugin).toMatchObject({ specVersion: 'v1', kind: 'model', name: manifest.name, needs: ['backend', 'quantizer'] });
  const validate = (value: unknown) => plugin.optionsSchema['~standard'].validate(value);
  expect(await validate({ source: 'x', layer: 5 })).toEqual({ value: { source: 'x', layer: 5, scaleDtype: 'f32' } });
  for (const wrong of [{}, { source: '' }, { source: 'x', layer: -1 }, { source: 'x', scaleDtype: 'f16' }, { source: 'x', lyaer: 5 }]) {
    expect((await validate(wrong)).issues, JSON.stringify(wrong)).toBeDefined();
  }
});
