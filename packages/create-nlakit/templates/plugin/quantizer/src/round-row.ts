/**
 * Rounds a row to whole multiples of its largest absolute value over 2^(bits-1) - 1: what symmetric integers of so many bits with one scale
 * a row would keep. A row of zeros stays as it is. In place.
 */
export function roundRow(row: Float32Array, bits: number): void {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return;
  const step = largest / (2 ** (bits - 1) - 1);
  for (let index = 0; index < row.length; index += 1) row[index] = Math.round((row[index] ?? 0) / step) * step;
}
