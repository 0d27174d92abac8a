import type { BenchSetting } from './bench-case.js';

/** The same backend with the same options, as arguments of the command line. */
export function backendArguments({ backend, backendOptions = {} }: Pick<BenchSetting, 'backend' | 'backendOptions'>): string[] {
  return [
    ...['--backend', backend],
    ...Object.entries(backendOptions).flatMap(([name, value]) => ['--set', `backend.options.${name}=${JSON.stringify(value)}`]),
  ];
}
