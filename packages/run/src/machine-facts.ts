import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';

/** The machine that a figure was measured on. */
export interface MachineFacts {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

/** Facts about this machine; nothing that names it or its user. */
export function machineFacts(): MachineFacts {
  return {
    node: process.version,
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}
