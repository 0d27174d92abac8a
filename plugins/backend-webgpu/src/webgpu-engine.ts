import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { BufferAccount } from './buffer-account.js';
import type { DeviceWatch } from './device-watch.js';
import type { MatrixUnit } from './matrix-unit.js';

/** Our account and watch on one tfjs webgpu backend. */
export interface WebgpuEngine {
  readonly backend: WebGPUBackend;
  readonly account: BufferAccount;
  readonly watch: DeviceWatch;
  /** What the NF4 linear and its gradient multiply in, as the last call of `createWebgpuBackend` said. */
  multiply: 'f32' | 'f16';
  /** Subgroup matrices the device was opened with, or why it was not. */
  readonly offeredUnit: MatrixUnit | string;
  /** The one of {@link offeredUnit} that products in f16 go by. */
  matrixUnit?: MatrixUnit | undefined;
  /** Why products in f16 do not go by subgroup matrices, once that is known. */
  matrixRefusal?: string;
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
