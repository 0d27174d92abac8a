import { NlaError } from '@nlakit/core';
import type { Subject } from './hub-failure.js';
import { listedFile, type ListedFile } from './listing.js';
import { isCommitId } from './repository-id.js';

/** The commit that a revision is at now, asked of the Hub. Throws the `E_HUB_…` errors. */
export async function resolveCommit({ id, type, revision, settings }: Subject, hubFetch: typeof fetch): Promise<string> {
  if (isCommitId(revision)) return revision;
  // Loaded late: what only looks into the cache never needs the client.
  const { datasetInfo, modelInfo } = await import('@huggingface/hub');
  const request = { name: id, revision, hubUrl: settings.endpoint, fetch: hubFetch, additionalFields: ['sha' as const] };
  const { sha } = type === 'dataset' ? await datasetInfo(request) : await modelInfo(request);
  if (typeof sha === 'string' && isCommitId(sha)) return sha;
  throw new NlaError('E_HUB_LISTING', {
    message: 'The Hub does not say which commit the revision is at.',
    found: JSON.stringify(sha),
    expected: 'a commit id of 40 hex digits',
    fix: 'Check HF_ENDPOINT.',
  });
}

/** All files of a commit, asked of the Hub page by page. Throws the `E_HUB_…` errors. */
export async function listCommit({ id, type, settings }: Subject, commit: string, hubFetch: typeof fetch): Promise<readonly ListedFile[]> {
  const { listFiles } = await import('@huggingface/hub');
  const files: ListedFile[] = [];
  const listing = listFiles({
    repo: { type, name: id },
    revision: commit,
    recursive: true,
    hubUrl: settings.endpoint,
    fetch: hubFetch,
  });
  for await (const { type: entryType, path, ...content } of listing) {
    if (entryType === 'file') files.push(listedFile(path, content));
  }
  return files;
}
