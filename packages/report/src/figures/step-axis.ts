/** Ticks at the measured steps themselves, thinned out so that their labels do not touch, and room on both sides. */
export function stepAxis(steps: readonly number[], most = 10) {
  const sorted = [...new Set(steps)].sort((a, b) => a - b);
  const every = Math.ceil(sorted.length / most);
  return {
    field: 'step',
    type: 'quantitative' as const,
    title: 'AV training step',
    scale: { zero: false, nice: false, padding: 12 },
    // Counted from the end: the last step is the one that matters most.
    axis: { values: sorted.filter((_, index) => (sorted.length - 1 - index) % every === 0), format: 'd', grid: false },
  };
}
