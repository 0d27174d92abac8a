import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadingObstacle, unavailable } from './unavailable.js';

/** What the package exports. */
interface DawnModule {
  /** @param options switches of Dawn */
  create(options: string[]): GPU;
  readonly globals: object;
}

/** Dawn, loaded. */
export interface Dawn {
  readonly gpu: GPU;
  /** Version of the npm package. */
  readonly version: string;
}

/** A process has one, or one of each kind: Dawn keeps drivers and devices open as long as it is held. */
const loaded = new Map<boolean, Promise<Dawn>>();

/**
 * Loads the optional package `webgpu` and puts the WebGPU constants and classes that tfjs looks for on the global object. Throws
 * `E_BACKEND_UNAVAILABLE` with the reason if it is not there or does not load.
 *
 * @param folder where to look, too, if the package is not beside this one: that of a config, when nlakit itself is installed globally
 * @param experimental whether adapters offer features that are no standard yet: subgroup matrices
 */
export function loadDawn(folder?: string, experimental = false): Promise<Dawn> {
  const present = loaded.get(experimental);
  if (present !== undefined) return present;
  const loading = load(folder, experimental).catch((error: unknown) => {
    loaded.delete(experimental);
    throw unavailable(loadingObstacle(error));
  });
  loaded.set(experimental, loading);
  return loading;
}

async function load(folder: string | undefined, experimental: boolean): Promise<Dawn> {
  const require = requireWith(folder);
  const { create, globals } = (await import(pathToFileURL(require.resolve('webgpu')).href)) as DawnModule;
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const { version } = require('webgpu/package.json') as { version: string };
  return { gpu: create(experimental ? ['enable-dawn-features=allow_unsafe_apis'] : []), version };
}

/** The `require` that finds the package: ours, or that of the folder. */
function requireWith(folder: string | undefined): NodeJS.Require {
  const own = createRequire(import.meta.url);
  if (folder === undefined) return own;
  try {
    own.resolve('webgpu');
    return own;
  } catch {
    return createRequire(join(folder, 'index.js'));
  }
}

/**
 * Runs `body` while `navigator.gpu` is there, which tfjs asks for when its backend is made, and puts things back: somebody who finds it
 * keeps Node from ending.
 */
export function withNavigatorGpu<Result>(gpu: GPU, body: () => Result): Result {
  const holder = globalThis as { navigator?: object };
  const had = holder.navigator;
  if (had === undefined) Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  else Object.defineProperty(had, 'gpu', { value: gpu, configurable: true });
  try {
    return body();
  } finally {
    if (had === undefined) delete holder.navigator;
    else delete (had as { gpu?: GPU }).gpu;
  }
}
