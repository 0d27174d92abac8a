/** Number of the block that a module path belongs to (`model.layers.5.mlp.up_proj`: 5); infinity for paths outside the blocks. */
export function blockIndex(path: string): number {
  const match = /(?:^|\.)layers\.(\d+)\./.exec(path);
  return match?.[1] === undefined ? Number.POSITIVE_INFINITY : Number(match[1]);
}
