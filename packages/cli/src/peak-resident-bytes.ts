import { readFileSync } from 'node:fs';

/** Largest resident memory of this process so far, bytes. */
export function peakResidentBytes(): number {
  if (process.platform === 'linux') {
    // The counter of getrusage starts with the memory of the process that started this one.
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (peak !== undefined) return Number(peak) * 1024;
  }
  // Node gives kilobytes on every system.
  return process.resourceUsage().maxRSS * 1024;
}
