import { plainKernels, relaxedKernels } from './generated/kernels.js';
import type { KernelExports } from './kernel-exports.js';
import { webAssembly } from './web-assembly.js';
import type { WasmMemory, WasmModule } from './web-assembly.js';

/** Which of the two builds of the kernels runs: `relaxed` uses fused multiply-add where the machine has it. */
export type KernelBuild = 'plain' | 'relaxed';

const encoded: Readonly<Record<KernelBuild, string>> = { plain: plainKernels, relaxed: relaxedKernels };
const modules = new Map<KernelBuild, WasmModule>();

/** Whether this JavaScript engine accepts relaxed SIMD (V8 from Node 22 on; Node 20 does not). */
export function supportsRelaxedSimd(): boolean {
  return modules.has('relaxed') || webAssembly.validate(decode('relaxed'));
}

/** The kernels of one build, computing in `memory`. They own no part of it. */
export function instantiateKernels(build: KernelBuild, memory: WasmMemory): KernelExports {
  let compiled = modules.get(build);
  if (compiled === undefined) {
    compiled = new webAssembly.Module(decode(build));
    modules.set(build, compiled);
  }
  return new webAssembly.Instance(compiled, { env: { memory } }).exports as KernelExports;
}

function decode(build: KernelBuild): Uint8Array {
  return Uint8Array.from(Buffer.from(encoded[build], 'base64'));
}
