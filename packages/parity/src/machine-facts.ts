import { cpus, totalmem } from 'node:os';
import type { ParityResult } from './parity-row.js';

/** What the numbers were measured on. */
export function machineFacts(): ParityResult['machine'] {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  };
}
