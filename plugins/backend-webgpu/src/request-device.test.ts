import { describe, expect, it } from 'vitest';
import { optionsSchema } from './options.js';
import { requestDevice } from './request-device.js';

/** An adapter with these features, and what a device was asked for of it. */
function fakeGpu(...features: string[]) {
  const asked: GPUDeviceDescriptor[] = [];
  const adapter = {
    info: { vendor: 'acme', architecture: 'one', device: '', description: '', isFallbackAdapter: false },
    limits: {},
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
