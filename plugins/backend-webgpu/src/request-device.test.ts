import { describe, expect, it } from 'vitest';
import { optionsSchema } from './options.js';
import { requestDevice } from './request-device.js';

/** An adapter with these features, and what a device was asked for of it. */
function fakeGpu(...features: string[]) {
  const matrices = [{ M: 16, N: 16, K: 16, componentType: 'f16', resultComponentType: 'f32' }];
  const asked: GPUDeviceDescriptor[] = [];
  const adapter = {
    info: {
      vendor: 'acme',
      architecture: 'one',
      device: '',
      description: '',
      isFallbackAdapter: false,
      subgroupMaxSize: 32,
      subgroupMatrixConfigs: matrices,
    },
    limits: { maxComputeWorkgroupStorageSize: 32768 },
    features: new Set(features),
    requestDevice: (descriptor: GPUDeviceDescriptor) => Promise.resolve((asked.push(descriptor), {})),
  };
  return { asked, gpu: { requestAdapter: () => Promise.resolve(adapter) } as unknown as GPU };
}

describe('products in f16', () => {
  it('are asked for where the adapter has them, so that a later start finds them', async () => {
    const { gpu, asked } = fakeGpu('shader-f16', 'other');
    await requestDevice(gpu, optionsSchema.parse({}));
    await requestDevice(gpu, optionsSchema.parse({ multiply: 'f16' }));
    expect(asked.map(({ requiredFeatures }) => requiredFeatures)).toEqual([['shader-f16'], ['shader-f16']]);
  });

  it('take subgroup matrices along where there are some, and only products in f16 do', async () => {
    const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
    const { gpu, asked } = fakeGpu(...features);
    const [single, half] = [
      await requestDevice(gpu, optionsSchema.parse({})),
      await requestDevice(gpu, optionsSchema.parse({ multiply: 'f16' })),
    ];
    expect(single.offeredUnit).toMatch(/multiply: 'f32'/);
    expect(half.offeredUnit).toEqual({ m: 16, n: 16, k: 16, subgroups: 8 });
    expect(asked.map(({ requiredFeatures }) => [...new Set(requiredFeatures)])).toEqual([['shader-f16'], features]);
  });

  it('are refused where it has none, which the default does not need', async () => {
    const { gpu, asked } = fakeGpu('timestamp-query');
    await requestDevice(gpu, optionsSchema.parse({}));
    await expect(requestDevice(gpu, optionsSchema.parse({ multiply: 'f16' }))).rejects.toMatchObject({
      code: 'E_BACKEND_UNAVAILABLE',
      details: { found: 'no products in f16 (shader-f16) on acme one', fix: expect.stringContaining("multiply: 'f32'") as string },
    });
    expect(asked).toEqual([expect.objectContaining({ requiredFeatures: ['timestamp-query'] })]);
  });
});
