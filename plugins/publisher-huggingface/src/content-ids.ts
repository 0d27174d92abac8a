import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { NlaError, type ReleaseFile } from '@nlakit/core';
import type { ListedFile } from '@nlakit/hub';
import type { MeasuredFile } from '@nlakit/run';

/** A file with the hashes that the Hub may list it under. */
export type IdentifiedFile = MeasuredFile & {
  /** Whether the Hub is expected to keep it as a large object. */
  readonly large: boolean;
  /** git blob sha1 (hex), of files that are not large. */
  readonly gitOid: string | undefined;
};

/** What the Hub keeps as large objects in a new repository: these kinds, and everything of 10 MB and more. */
const largeKinds = new Set(
  '.safetensors .parquet .arrow .bin .gguf .h5 .onnx .pt .pth .npy .npz .zip .gz .tar .zst .model .png .jpg .jpeg .webp .gif'.split(' '),
);
const largeBytes = 10 * 2 ** 20;

/** Adds the hash that git would give. Throws `E_PUBLISH_FILE` if a file is not what was measured. */
export async function identify(file: MeasuredFile): Promise<IdentifiedFile> {
  const large = file.bytes >= largeBytes || (file.bytes > 0 && largeKinds.has(extname(file.path).toLowerCase()));
  if (file.bytes >= largeBytes) return { ...file, large, gitOid: undefined };
  const content = await readSmall(file);
  return { ...file, large, gitOid: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex') };
}

/** The bytes of a file, checked against the plan. Throws `E_PUBLISH_FILE`. */
export async function readSmall({ source, path, sha256 }: ReleaseFile & { readonly sha256: string }): Promise<Buffer<ArrayBuffer>> {
  const content = 'content' in source ? Buffer.from(source.content, 'utf8') : await readFile(source.file);
  const found = createHash('sha256').update(content).digest('hex');
  if (found !== sha256) throw fileChanged(path, found, sha256);
  return content;
}

/** What is said of a file that is no longer what was planned. */
export function fileChanged(path: string, found: string, expected?: string): NlaError {
  return new NlaError('E_PUBLISH_FILE', {
    message: 'The file has changed since the plan was made.',
    file: path,
    found,
    ...(expected === undefined ? {} : { expected }),
    fix: 'Plan again.',
  });
}

/** Whether the Hub has the very content of `file`. */
export function isListed({ sha256, gitOid, bytes }: IdentifiedFile, listed: ListedFile | undefined): boolean {
  if (listed === undefined) return false;
  const { algorithm, etag } = listed.content;
  return listed.content.bytes === bytes && etag === (algorithm === 'sha256' ? sha256 : gitOid);
}
