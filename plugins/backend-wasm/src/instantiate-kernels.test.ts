import { setFlagsFromString } from 'node:v8';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as Kernels from './instantiate-kernels.js';
import { relaxedKernels } from './generated/kernels.js';
import { webAssembly } from './web-assembly.js';

const needsFlag = process.versions.v8.startsWith('11.3.');
const reason = needsFlag ? '' : ` (skipped: V8 ${process.versions.v8} has relaxed SIMD without a flag)`;
const flag = 'experimental-wasm-relaxed-simd';

/** Whether a module with relaxed SIMD that anybody compiles now would be accepted. */
const accepted = (): boolean => webAssembly.validate(Uint8Array.from(Buffer.from(relaxedKernels, 'base64')));
const memory = () => new webAssembly.Memory({ initial: 64, maximum: 65536 });

describe.skipIf(!needsFlag)(`relaxed SIMD in Node 20${reason}`, () => {
  let kernels: typeof Kernels;
  beforeEach(async () => {
    // What has been compiled and asked before is remembered in the module.
    vi.resetModules();
    kernels = await import('./instantiate-kernels.js');
  });
  afterEach(() => setFlagsFromString(`--no-${flag}`));

  it('is there for our kernels and for no other module', () => {
    expect(accepted()).toBe(false);
    expect(kernels.supportsRelaxedSimd()).toBe(true);
    expect(accepted()).toBe(false);
    expect(kernels.instantiateKernels('relaxed', memory())).toBeTypeOf('object');
    expect(accepted()).toBe(false);
  });

  it('stays where the process was started with the flag', () => {
    setFlagsFromString(`--${flag}`);
    expect(kernels.supportsRelaxedSimd()).toBe(true);
    kernels.instantiateKernels('relaxed', memory());
    expect(accepted()).toBe(true);
  });

  it('is gone also where the compilation fails', () => {
    const compile = vi.spyOn(webAssembly, 'Module').mockImplementation(() => {
      throw new Error('out of memory');
    });
    expect(() => kernels.instantiateKernels('relaxed', memory())).toThrow('out of memory');
    compile.mockRestore();
    expect(accepted()).toBe(false);
  });
});

it('falls back to the plain build, which every engine compiles', async () => {
  const { instantiateKernels } = await import('./instantiate-kernels.js');
  expect(instantiateKernels('plain', memory())).toBeTypeOf('object');
});
