/** Largest resident memory of this process so far, bytes. */
export function peakResidentBytes(): number {
  // Node gives kilobytes on every system.
  return process.resourceUsage().maxRSS * 1024;
}
