import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** What the content of a file must hash to. `etag` is also its name in the cache. */
export interface ContentId {
  /** `sha256` of the content (large objects), or the git blob id: sha1 of `blob <bytes>\0` and the content. */
  readonly algorithm: 'sha256' | 'git-sha1';
  /** Hex; empty for a cached file that nobody has listed. */
  readonly etag: string;
  readonly bytes: number;
}

/** A hash that content is fed to piece by piece. */
export interface ContentHash {
  update(piece: Uint8Array): void;
  /** Whether what was fed is the content. Ends the hash. */
  matches(): boolean;
}

/** Starts to check content against its id. */
export function createContentHash({ algorithm, etag, bytes }: ContentId): ContentHash {
  const hash = algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
  return {
    update: (piece) => void hash.update(piece),
    matches: () => hash.digest('hex') === etag,
  };
}

/** Feeds the content of a file, from its beginning, to a hash. */
export async function hashFile(file: string, hash: ContentHash, signal: AbortSignal): Promise<void> {
  for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20, signal })) hash.update(piece as Buffer);
}
