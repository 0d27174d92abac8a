import { openChunk, type Chunk } from './chunk-file.js';

/** Open files at a time; enough that rows in any order find most chunks open. */
const kept = 32;

/** Chunks by number, the ones used last kept open. */
export interface ChunkReader {
  chunk(index: number): Promise<Chunk>;
  close(): Promise<void>;
}

/** Reads the chunks of an extraction's folder. The caller closes it. */
export function createChunkReader(folder: string): ChunkReader {
  const open = new Map<number, Promise<Chunk>>();
  return {
    async chunk(index) {
      const found = open.get(index);
      // The order of a map is that of insertion: what is used again goes to its end.
      open.delete(index);
      const chunk = found ?? openChunk(folder, index);
      open.set(index, chunk);
      const oldest = open.size > kept ? open.entries().next().value : undefined;
      if (oldest !== undefined) {
        open.delete(oldest[0]);
        await (await oldest[1]).close();
      }
      return chunk;
    },
    async close() {
      const all = [...open.values()];
      open.clear();
      for (const chunk of all) await (await chunk).close();
    },
  };
}
