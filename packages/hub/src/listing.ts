import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NlaError } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';
import type { RepositoryCache } from './cache-layout.js';
import type { ContentId } from './content-hash.js';
import { makeFolder } from './make-folder.js';

/** A file of a commit. */
export interface ListedFile {
  /** Path in the repository, with `/`. */
  readonly path: string;
  readonly content: ContentId;
}

/** What an entry of the Hub's listing says about content. */
export interface ListedContent {
  readonly size: number;
  readonly oid?: string | undefined;
  readonly lfs?: { readonly oid: string; readonly size: number } | undefined;
}

/** A file from what the server says about it. Throws `E_HUB_LISTING`: the hash becomes a file name, so it must be one. */
export function listedFile(name: string, { size, oid, lfs }: ListedContent): ListedFile {
  const content: ContentId =
    lfs === undefined
      ? { algorithm: 'git-sha1', etag: String(oid), bytes: size }
      : { algorithm: 'sha256', etag: lfs.oid.replace(/^sha256:/, ''), bytes: lfs.size };
  const form = content.algorithm === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/;
  if (form.test(content.etag) && Number.isSafeInteger(content.bytes) && content.bytes >= 0) return { path: name, content };
  throw new NlaError('E_HUB_LISTING', {
    message: 'The Hub lists a file without a hash that it could be checked by.',
    found: JSON.stringify({ name, size, oid, lfs }),
    expected: 'a sha256 for a large object, or the git blob id, with the size',
  });
}

/** Format of `trees/<commit>.json` as huggingface_hub 2 writes it. */
interface StoredListing {
  readonly format_version: 1;
  readonly files: Readonly<
    Record<string, { readonly size: number; readonly blob_id: string; readonly lfs_sha256?: string; readonly lfs_size?: number }>
  >;
}

/** The listing of a commit if it was kept, here or by the Python tools. */
export async function readListing(cache: RepositoryCache, commit: string): Promise<readonly ListedFile[] | undefined> {
  for (const file of cache.listings(commit)) {
    try {
      const stored = JSON.parse(await readFile(file, 'utf8')) as StoredListing;
      if (stored.format_version !== 1) continue;
      return Object.entries(stored.files).map(([name, { size, blob_id, lfs_sha256, lfs_size }]) =>
        listedFile(name, { size, oid: blob_id, ...(lfs_sha256 === undefined ? {} : { lfs: { oid: lfs_sha256, size: lfs_size ?? size } }) }),
      );
    } catch {
      // Missing, or not what it should be: it can be asked for again.
    }
  }
  return undefined;
}

/**
 * Keeps the listing of a commit, which never changes. Not under the name that huggingface_hub uses: it would then call a snapshot
 * incomplete that lacks files nobody wanted here.
 */
export async function writeListing(cache: RepositoryCache, commit: string, files: readonly ListedFile[]): Promise<void> {
  const stored: StoredListing = {
    format_version: 1,
    files: Object.fromEntries(
      files.map(({ path: name, content: { algorithm, etag, bytes } }) => [
        name,
        {
          size: bytes,
          blob_id: algorithm === 'sha256' ? '' : etag,
          ...(algorithm === 'sha256' ? { lfs_sha256: etag, lfs_size: bytes } : {}),
        },
      ]),
    ),
  };
  const [own] = cache.listings(commit);
  await makeFolder(path.dirname(own));
  await atomicWriteFile(own, JSON.stringify(stored));
}
