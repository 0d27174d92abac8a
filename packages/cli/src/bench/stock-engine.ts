import { backendArguments } from './backend-arguments.js';
import type { BenchSetting } from './bench-case.js';
import { builtProgram } from './built-program.js';
import { startMeasuringProcess, type MeasuringProcess } from './measuring-process.js';

/** Backends that can also compute with the kernels that the library under them ships: their option `kernels`. */
export const backendsWithStock: readonly string[] = ['@nlakit/backend-wasm'];

/**
 * Starts the same row of that case on the shipped kernels, in a process of its own, so that it has a heap, a registry and compiled code of its
 * own; `undefined` where that was not asked for. The caller closes it.
 */
async function startStock(setting: BenchSetting, name: string, what: string): Promise<MeasuringProcess | undefined> {
  if (!setting.baselines.includes('stock')) return undefined;
  const { context, length, model, repeats, warmup, keepActivations, backendOptions = {} } = setting;
  const { cwd, signal } = context.io;
  const args = [
    ...[builtProgram(), 'bench', name, '--in-turn', '--only', what, '--repeats', `${repeats}`, '--warmup', `${warmup}`],
    ...(length === undefined ? [] : ['--length', `${length}`]),
    ...(model === undefined ? [] : ['--model', model]),
    ...(keepActivations ? ['--keep-activations'] : []),
    ...backendArguments({ backend: setting.backend, backendOptions: { ...backendOptions, kernels: 'stock' } }),
  ];
  return startMeasuringProcess({
    command: process.execPath,
    args,
    who: 'The process with the shipped kernels',
    code: 'E_BENCH',
    cwd,
    signal,
  });
}

/** Runs `work` beside the same row on the shipped kernels, or beside nothing where that was not asked for. */
export async function besideStock<Result>(
  setting: BenchSetting,
  { name, what }: { readonly name: string; readonly what: string },
  work: (stock: MeasuringProcess | undefined) => Promise<Result>,
): Promise<Result> {
  const stock = await startStock(setting, name, what);
  try {
    return await work(stock);
  } finally {
    await stock?.close();
  }
}
