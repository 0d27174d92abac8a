import { NlaError } from '@nlakit/core';

/**
 * Rows grouped by label, in the order in which labels first appear; every row for itself without labels. Rows of one document are alike,
 * so what is drawn or flipped at random has to be the document. `E_METRICS_LENGTH` unless there is one label a row.
 */
export function clusterRows(rows: number, labels: readonly string[] | undefined): number[][] {
  if (labels === undefined) return Array.from({ length: rows }, (_, row) => [row]);
  if (labels.length !== rows) {
    throw new NlaError('E_METRICS_LENGTH', {
      message: 'Every value needs a cluster label.',
      found: `${labels.length} labels for ${rows} values`,
    });
  }
  const groups = new Map<string, number[]>();
  labels.forEach((label, row) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [row]);
    else group.push(row);
  });
  return [...groups.values()];
}
