import { describe, expect, it } from 'vitest';
import { chooseMatrixUnit, matrixFeatures } from './matrix-unit.js';

const config = (M: number, N: number, K: number, componentType = 'f16', resultComponentType = 'f32') => ({
  M,
  N,
  K,
  componentType,
  resultComponentType,
});

interface Fake {
  readonly size?: number;
  readonly bytes?: number;
  readonly features?: readonly string[];
}

const adapter = (configs: readonly object[], { size = 32, bytes = 32768, features = matrixFeatures }: Fake = {}) => ({
  features: new Set(features),
  limits: { maxComputeWorkgroupStorageSize: bytes },
  info: { subgroupMaxSize: size, subgroupMatrixConfigs: configs },
});

describe('the subgroup matrices of an adapter', () => {
  it('are the largest of f16 with sums in f32', () => {
    const configs = [config(8, 8, 8), config(16, 16, 16, 'f16', 'f16'), config(16, 8, 16), config(32, 32, 32, 'i8', 'i32')];
    expect(chooseMatrixUnit(adapter(configs))).toEqual({ m: 16, n: 8, k: 16, subgroups: 8 });
  });

  it('go to as many subgroups as there are, or results', () => {
    expect(chooseMatrixUnit(adapter([config(8, 8, 8)], { size: 64 }))).toMatchObject({ subgroups: 4 });
    expect(chooseMatrixUnit(adapter([config(16, 16, 16)], { size: 8 }))).toMatchObject({ subgroups: 16 });
  });

  it.each<[string, ReturnType<typeof adapter>, RegExp]>([
    ['features are missing', adapter([config(8, 8, 8)], { features: ['shader-f16', 'subgroups'] }), /^the adapter has no chromium-exp/],
    ['sums are f16 only', adapter([config(8, 8, 8, 'f16', 'f16')]), /none of f16 with sums in f32/],
    ['they do not divide a tile', adapter([config(12, 8, 8), config(8, 8, 48)]), /none of f16/],
    ['workgroup memory is too small', adapter([config(16, 16, 16)], { bytes: 16384 }), /that fits/],
    ['subgroups do not divide a workgroup', adapter([config(8, 8, 8)], { size: 48 }), /up to 48 invocations/],
  ])('are none where %s', (_, offer, reason) => {
    expect(chooseMatrixUnit(offer)).toMatch(reason);
  });

  it('are none on an adapter that says nothing of them', () => {
    const { features, limits } = adapter([]);
    expect(chooseMatrixUnit({ features, limits, info: {} })).toMatch(/up to 0 invocations/);
  });
});
