import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { NlakitAddon, TfjsBinding } from './binding.js';
import { findInstallation, moduleFile } from './install/installation.js';
import { loadStock } from './load-stock.js';

/** What a process has of native code. */
export interface NativeModules {
  readonly binding: TfjsBinding;
  /** The same module as `binding`; absent with the one that tfjs-node's own installer made. */
  readonly addon?: NlakitAddon;
  /** Where they come from, in a few words. */
  readonly origin: string;
}

/** TensorFlow starts once per process, whatever copies of this package there are. */
const loaded = Symbol.for('nlakit.backend-tfjs-node-gpu.modules');

/**
 * Loads the native modules, once per process: those of an installation that `nla backend install tensorflow` made, else those of
 * tfjs-node(-gpu) where it is installed and its own download succeeded. The environment is read by the library when it is loaded, so
 * memory growth on a GPU and the number of threads are set here. Throws `E_BACKEND_UNAVAILABLE` with everything that was tried.
 */
export async function loadModules(options: {
  readonly installation?: string;
  readonly threads?: number;
  readonly multiply?: 'f32' | 'bf16';
}): Promise<NativeModules> {
  const shared = globalThis as { [loaded]?: NativeModules };
  const present = shared[loaded];
  if (present !== undefined) return present;

  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // oneDNN has the fast products in bf16. Those in f32 are ours; oneDNN's code for them lets a signal that comes in the middle overwrite the
  // heap (its stack pointer lies in a block of it meanwhile), and Node gets signals. TensorFlow's own products in f32, which a stock
  // installation and `kernels: stock` are made of, have that code inside as well unless the second setting leaves it out.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= options.multiply === 'bf16' ? '1' : '0';
  process.env['TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL'] ??= '0';
  const threads = String(options.threads ?? cpus().length);
  process.env['TF_NUM_INTRAOP_THREADS'] ??= threads;
  process.env['OMP_NUM_THREADS'] ??= threads;

  const reasons: string[] = [];
  const found = await findInstallation(options.installation);
  const modules =
    'folder' in found
      ? load(found.folder, `TensorFlow ${found.tensorflow}`, reasons)
      : (reasons.push(...found), options.installation === undefined ? loadStock(reasons) : undefined);
  if (modules === undefined) throw unavailable(reasons);
  modules.addon?.setThreads(Number(threads));
  shared[loaded] = modules;
  return modules;
}

function load(folder: string, origin: string, reasons: string[]): NativeModules | undefined {
  const require = createRequire(import.meta.url);
  try {
    const module = require(join(folder, moduleFile)) as TfjsBinding & NlakitAddon;
    return { binding: module, addon: module, origin };
  } catch (error) {
    reasons.push(error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

function unavailable(reasons: readonly string[]): NlaError {
  return new NlaError('E_BACKEND_UNAVAILABLE', {
    message: 'The TensorFlow backend cannot be used.',
    found: reasons.join('; '),
    expected: 'an installation for this machine and this version',
    fix: 'Run `nla backend install tensorflow` (it fetches a wheel and compiles; --from takes a wheel or a Python instead).',
  });
}
