import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { NlaError } from '@nlakit/core';
import { fsyncFolder, writeError } from '@nlakit/safetensors';
import { fileBytes, type RepositoryCache } from './cache-layout.js';
import { createContentHash, hashFile, type ContentHash, type ContentId } from './content-hash.js';
import { acquireFileLock } from './file-lock.js';
import { failureOfNetwork, failureOfResponse, HubFailure, pageOf, type Subject } from './hub-failure.js';
import { hubHeaders } from './hub-fetch.js';
import { makeFolder } from './make-folder.js';
import { withRetries, type RetryPolicy } from './with-retries.js';

/** What is to be fetched, and how. */
export interface BlobRequest {
  /** The file with its path. */
  readonly subject: Subject & { readonly path: string };
  readonly commit: string;
  readonly content: ContentId;
  readonly cache: RepositoryCache;
  readonly policy: RetryPolicy;
  readonly signal: AbortSignal;
  /** Told how many of the file's bytes are here; may go back when a part turns out to be wrong. */
  readonly onBytes: (bytes: number) => void;
  /** Told once when another process is fetching the same content. */
  readonly onWait: () => void;
}

/** Where a blob came from. */
export interface FetchedBlob {
  /** Another process or pull had brought it in the meantime. */
  readonly present: boolean;
  /** Bytes an earlier attempt had left. */
  readonly resumedBytes: number;
  readonly receivedBytes: number;
}

/** Where a part of a blob lies until the whole has been checked. Not the name of the Python tools, whose older releases append to theirs. */
export function partialFile(cache: RepositoryCache, etag: string): string {
  return `${cache.blob(etag)}.nlakit.incomplete`;
}

/**
 * Brings one blob into the cache: goes on where an earlier attempt stopped, asks again after faults, checks the hash while it writes, and
 * gives the file its name only then. One process at a time does so; the others wait. When interrupted, the part stays for the next time.
 * Throws the `E_HUB_…` errors, `E_HUB_HASH` if the content is wrong twice, `E_WRITE`, and the signal's reason.
 */
export async function fetchBlob(request: BlobRequest): Promise<FetchedBlob> {
  const { cache, content, signal } = request;
  const lock = await acquireFileLock(cache.lock(content.etag), signal, request.onWait);
  try {
    const blob = cache.blob(content.etag);
    if ((await fileBytes(blob)) === content.bytes) {
      request.onBytes(content.bytes);
      return { present: true, resumedBytes: 0, receivedBytes: 0 };
    }
    await makeFolder(path.dirname(blob));
    const partial = partialFile(cache, content.etag);
    const fetched = await fillPartial(request, partial);
    if (!(await lock.isHeld())) {
      throw new NlaError('E_HUB_LOCK', {
        message: 'Another process took over this download while this one stood still.',
        found: cache.lock(content.etag),
        fix: 'Run the same command again.',
      });
    }
    await rename(partial, blob).catch((error: unknown) => {
      throw writeError(blob, error);
    });
    await fsyncFolder(path.dirname(blob));
    return { present: false, ...fetched };
  } finally {
    await lock.release();
  }
}

/** The part that is here, its hash so far, and what is to be counted. */
interface Download {
  readonly handle: FileHandle;
  hash: ContentHash;
  here: number;
  /** The furthest that `here` has been: only beyond it is progress. */
  furthest: number;
  received: number;
  readonly request: BlobRequest;
}

async function fillPartial(request: BlobRequest, partial: string): Promise<Pick<FetchedBlob, 'resumedBytes' | 'receivedBytes'>> {
  const { content, policy, signal } = request;
  const left = (await fileBytes(partial)) ?? 0;
  const resumedBytes = left <= content.bytes ? left : 0;
  let remove = false;
  const handle = await open(partial, resumedBytes > 0 ? 'r+' : 'w').catch((error: unknown) => {
    throw writeError(partial, error);
  });
  try {
    const download: Download = {
      handle,
      request,
      hash: createContentHash(content),
      here: resumedBytes,
      furthest: resumedBytes,
      received: 0,
    };
    if (resumedBytes > 0) await hashFile(partial, download.hash, signal);
    request.onBytes(resumedBytes);
    let wrong = 0;
    await withRetries(policy, signal, async (progressed) => {
      if (download.here < content.bytes) await receive(download, progressed);
      if (download.hash.matches()) return;
      wrong += 1;
      await startAgain(download);
      throw new HubFailure(hashError(request), wrong < 2);
    }).catch((error: unknown) => {
      remove = error instanceof NlaError && error.code === 'E_HUB_HASH';
      throw error;
    });
    await handle.sync();
    return { resumedBytes, receivedBytes: download.received };
  } finally {
    await handle.close();
    if (remove) await rm(partial, { force: true });
  }
}

/** Asks for what is missing and writes it, up to the end of the file. */
async function receive(download: Download, progressed: () => void): Promise<void> {
  const { request } = download;
  const { content, policy, signal, subject } = request;
  const stall = new AbortController();
  const timer = setTimeout(() => {
    stall.abort(new Error(`nothing came for ${policy.stallMilliseconds / 1000} s`));
  }, policy.stallMilliseconds);
  try {
    const response = await ask(download, AbortSignal.any([signal, stall.signal]));
    if (response.status !== 206 && download.here > 0) await startAgain(download);
    for await (const piece of response.body ?? []) {
      timer.refresh();
      const bytes = piece as Uint8Array;
      // More than the whole is as wrong as other bytes; the hash says so below.
      const part = bytes.subarray(0, content.bytes - download.here);
      await write(download, part);
      if (download.here > download.furthest) {
        download.furthest = download.here;
        progressed();
      }
      if (part.length < bytes.length) download.hash.update(bytes.subarray(part.length));
      if (download.here === content.bytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HubFailure || error instanceof NlaError) throw error;
    throw failureOfNetwork(
      stall.signal.aborted ? stall.signal.reason : error,
      subject,
      `The connection was lost while ${subject.path} was fetched.`,
    );
  } finally {
    clearTimeout(timer);
    stall.abort();
  }
  if (download.here < content.bytes) {
    throw failureOfNetwork(
      new Error(`${download.here} of ${content.bytes} bytes came`),
      subject,
      `The answer for ${subject.path} ended early.`,
    );
  }
}

async function ask({ here, request }: Download, signal: AbortSignal): Promise<Response> {
  const { subject, commit } = request;
  const name = subject.path.split('/').map(encodeURIComponent).join('/');
  const address = new URL(`${pageOf(subject)}/resolve/${commit}/${name}`);
  // `fetch` follows to the storage host, and leaves the token behind when the host changes.
  const response = await fetch(address, {
    headers: {
      ...hubHeaders(subject, address),
      // A compressed answer could not be asked for in parts.
      'accept-encoding': 'identity',
      ...(here > 0 ? { range: `bytes=${here}-` } : {}),
    },
    signal,
  });
  if (!response.ok) throw await failureOfResponse(response, subject);
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (response.status === 206 && Number(start) !== here) {
    throw failureOfNetwork(
      new Error(`bytes from ${start ?? '?'} came, those from ${here} were asked for`),
      subject,
      'The Hub sent another part.',
    );
  }
  return response;
}

async function write(download: Download, piece: Uint8Array): Promise<void> {
  let at = 0;
  try {
    while (at < piece.length) at += (await download.handle.write(piece, at, piece.length - at, download.here + at)).bytesWritten;
  } catch (error) {
    throw writeError(partialFile(download.request.cache, download.request.content.etag), error);
  }
  download.hash.update(piece);
  download.here += piece.length;
  download.received += piece.length;
  download.request.onBytes(download.here);
}

async function startAgain(download: Download): Promise<void> {
  await download.handle.truncate(0);
  download.hash = createContentHash(download.request.content);
  download.here = 0;
  download.request.onBytes(0);
}

function hashError({ subject, content }: BlobRequest): NlaError {
  return new NlaError('E_HUB_HASH', {
    message: `The content of ${subject.path} is not what the Hub lists, twice over. It was thrown away.`,
    found: 'other bytes',
    expected: `${content.algorithm} ${content.etag} of ${content.bytes} bytes`,
    fix: 'Something between here and the Hub changes files: a proxy, a mirror (HF_ENDPOINT) or a failing disk.',
  });
}
