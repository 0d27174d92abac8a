import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { BufferAccount } from './buffer-account.js';
import type { DeviceWatch } from './device-watch.js';

/** Our account and watch on one tfjs webgpu backend. */
export interface WebgpuEngine {
  readonly backend: WebGPUBackend;
  readonly account: BufferAccount;
  readonly watch: DeviceWatch;
  /** What the NF4 linear and its gradient multiply in, as the last call of `createWebgpuBackend` said. */
  multiply: 'f32' | 'f16';
  /** Engine, GPU and driver. */
  readonly description: string;
}

/** A symbol of the whole process and no module variable: two copies of this package must find the same engine on a backend. */
const key = Symbol.for('nlakit.backend-webgpu.engine');

/** The engine on this backend, if there is one. */
export function findEngine(backend: object): WebgpuEngine | undefined {
  return (backend as Record<symbol, WebgpuEngine | undefined>)[key];
}

/** Remembers the engine of a backend. */
export function attachEngine(engine: WebgpuEngine): WebgpuEngine {
  Object.defineProperty(engine.backend, key, { value: engine });
  return engine;
}
