import { describe, expect, it } from 'vitest';
import { matrixFeatures } from './matrix-unit.js';
import { arithmeticOf } from './optional-arithmetic.js';
import { optionsSchema } from './options.js';

const adapter = (features: readonly string[], configs: readonly object[] = []) => ({
  features: new Set(features),
  limits: { maxComputeWorkgroupStorageSize: 32768 },
  info: { subgroupMaxSize: 32, subgroupMatrixConfigs: configs },
});

describe('what an adapter has of arithmetic in f16', () => {
  it('is both where it offers both', () => {
    const config = { M: 16, N: 16, K: 16, componentType: 'f16', resultComponentType: 'f32' };
    const both = arithmeticOf(adapter(matrixFeatures, [config]));
    expect(both.map(({ support }) => support)).toEqual(['native', 'native']);
    expect(both[1]?.detail).toMatch(/^16x16x16, /);
    for (const { options } of both) expect(optionsSchema.parse(options)).toMatchObject({ multiply: 'f16' });
  });

  it('is f16 alone where subgroup matrices are missing or of another kind', () => {
    const [half, matrices] = arithmeticOf(adapter(['shader-f16']));
    expect(half).toMatchObject({ support: 'native', detail: 'shader-f16' });
    expect(matrices).toMatchObject({ support: 'missing', detail: expect.stringContaining('chromium-experimental-subgroup-matrix') });
    const config = { M: 16, N: 16, K: 16, componentType: 'f16', resultComponentType: 'f16' };
    expect(arithmeticOf(adapter(matrixFeatures, [config]))[1]).toMatchObject({
      support: 'missing',
      detail: expect.stringContaining('f32'),
    });
  });

  it('is nothing where f16 is missing', () => {
    const none = arithmeticOf(adapter([]));
    expect(none.map(({ support }) => support)).toEqual(['missing', 'missing']);
    expect(none[0]?.detail).toBe('the adapter has no shader-f16');
  });
});
