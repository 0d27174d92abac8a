import { NlaError } from '@nlakit/core';

/** Version of the npm package `webgpu` this package is written for: others ask for a newer C library (0.6.0, 0.6.1) or lack fixes. */
const dawnVersion = '0.6.2';

/** What is in the way of this backend, what it needs instead, and what to do. */
export interface Obstacle {
  readonly found: string;
  readonly expected: string;
  readonly fix: string;
  readonly cause?: unknown;
}

/** The error of a backend that cannot start: `E_BACKEND_UNAVAILABLE`. */
export function unavailable(obstacle: Obstacle): NlaError {
  return new NlaError('E_BACKEND_UNAVAILABLE', { message: 'The webgpu backend cannot be used.', ...obstacle });
}

/** What the failure to load the package `webgpu` means. */
export function loadingObstacle(error: unknown): Obstacle {
  const text = error instanceof Error ? error.message : String(error);
  const firstLine = text.split('\n')[0] ?? '';
  const code = (error as { code?: unknown } | null)?.code;
  if ((code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') && /'webgpu'/.test(firstLine)) {
    return {
      found: 'the package webgpu is not installed',
      expected: `webgpu ${dawnVersion}, which brings Dawn, the WebGPU of Chrome`,
      fix: `npm install webgpu@${dawnVersion} (51 MB) beside this package.`,
    };
  }
  if (code === 'MODULE_NOT_FOUND' && firstLine.includes('dawn.node')) {
    return {
      found: `webgpu has no build for ${process.platform} on ${process.arch}`,
      expected: 'Linux (x64, arm64), macOS or Windows (x64, arm64)',
      fix: 'Use another backend on this machine.',
    };
  }
  if (/GLIBC(XX)?_[\d.]+' not found/.test(text)) {
    return {
      found: firstLine,
      expected: 'a C library with GLIBC_2.34 and GLIBCXX_3.4.30, as Debian 12 and Ubuntu 22.04 have',
      fix: `Use a newer system or container, and webgpu@${dawnVersion} exactly: other versions ask for more.`,
      cause: error,
    };
  }
  return {
    found: firstLine,
    expected: `webgpu ${dawnVersion}, loaded by Node ${process.versions.node}`,
    fix: `Install webgpu@${dawnVersion} again. On a system with musl (Alpine) there is no build; use one with glibc.`,
    cause: error,
  };
}

/** No driver answered. */
export function noAdapter(): Obstacle {
  const byPlatform: Partial<Record<NodeJS.Platform, string>> = {
    linux:
      'Install the Vulkan driver of the GPU and look whether `vulkaninfo --summary` lists it. In an NVIDIA container set ' +
      'NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility: that CUDA works does not mean that Vulkan does. ' +
      'For tests without a GPU: mesa-vulkan-drivers of Mesa 25 or later (Debian 12: from bookworm-backports).',
    darwin: 'Metal is part of macOS; a virtual machine may hide it.',
    win32: 'Update the driver of the GPU (D3D12).',
  };
  return {
    found: 'no WebGPU adapter',
    expected: 'a GPU with a driver for Vulkan, Metal or D3D12',
    fix: byPlatform[process.platform] ?? 'Use another backend on this machine.',
  };
}

/** A driver answered that computes on the CPU. */
export function onlySoftware(description: string): Obstacle {
  return {
    found: `only a software adapter, which computes on the CPU: ${description}`,
    expected: 'a GPU',
    fix: 'Install the driver of the GPU, take another backend, or, for tests, set the option allowSoftware: true.',
  };
}

/** The option asks for products in f16 of a driver that has none. */
export function noHalf(description: string): Obstacle {
  return {
    found: `no products in f16 (shader-f16) on ${description}`,
    expected: "a GPU and driver with shader-f16, for the option multiply: 'f16'",
    fix: "Leave the option out, or set multiply: 'f32'; a newer driver may have it, too.",
  };
}
