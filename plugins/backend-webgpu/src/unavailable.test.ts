import { describe, expect, it } from 'vitest';
import { loadingObstacle, noAdapter, onlySoftware, unavailable } from './unavailable.js';

const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code === undefined ? {} : { code });

describe('why the webgpu backend cannot be used', () => {
  it('is that the optional package is not there', () => {
    const { found, fix } = loadingObstacle(failure("Cannot find module 'webgpu'\nRequire stack:\n- /x/dist/index.js", 'MODULE_NOT_FOUND'));
    expect(found).toBe('the package webgpu is not installed');
    expect(fix).toContain('npm install webgpu@0.6.2');
  });

  it('is that the package has no build for this platform', () => {
    const { found } = loadingObstacle(
      failure("Cannot find module '/x/node_modules/webgpu/dist/sunos-x64/dawn.node'\nRequire stack:", 'MODULE_NOT_FOUND'),
    );
    expect(found).toBe(`webgpu has no build for ${process.platform} on ${process.arch}`);
  });

  it.each([
    "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /x/dist/linux-x64/dawn.node)",
    "/lib/aarch64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/dist/linux-arm64/dawn.node)",
  ])('is that the C library is too old: %s', (message) => {
    const { found, expected, fix } = loadingObstacle(failure(message, 'ERR_DLOPEN_FAILED'));
    expect(found).toBe(message);
    expect(expected).toContain('GLIBC_2.34');
    expect(fix).toContain('webgpu@0.6.2 exactly');
  });

  it('is whatever else the loader says', () => {
    expect(loadingObstacle(failure('Error relocating dawn.node: symbol not found')).found).toContain('Error relocating');
  });

  it('is said in an error that the command line shows', () => {
    const error = unavailable(noAdapter());
    expect(error.code).toBe('E_BACKEND_UNAVAILABLE');
    expect(error.message).toContain('no WebGPU adapter');
    expect(unavailable(onlySoftware('llvmpipe')).message).toMatch(/computes on the CPU: llvmpipe[\s\S]*allowSoftware: true/);
  });
});
