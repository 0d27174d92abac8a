import { isNlaError, NlaError, type Release } from '@nlakit/core';
import {
  createHubFetch,
  defaultRetryPolicy,
  hubSettings,
  listCommit,
  parseRepositoryReference,
  resolveCommit,
  checkRevision,
  type HubSubject,
  type ListedFile,
  type RetryPolicy,
} from '@nlakit/hub';
import type { HuggingFaceOptions } from './options.js';

/** One repository as this publisher speaks to it. */
export interface HubSession {
  readonly subject: HubSubject;
  readonly policy: RetryPolicy;
  readonly signal: AbortSignal;
  /** `fetch` for the Hub's API with token, retries and our errors. */
  readonly hubFetch: typeof fetch;
  /** Address of the repository in the API, without a slash at the end. */
  readonly apiUrl: string;
  /** What a branch, tag or commit is at; nothing if there is no such repository or revision. */
  head(revision: string): Promise<string | undefined>;
  /** Files of a commit by path. */
  list(commit: string): Promise<ReadonlyMap<string, ListedFile>>;
}

/** Throws `E_HUB_ID`, `E_HUB_REVISION`, `E_HUB_URL`, `E_HUB_TOKEN` and `E_HUB_OFFLINE`. */
export async function openSession(
  repository: Release['repository'],
  options: HuggingFaceOptions,
  signal: AbortSignal,
): Promise<HubSession> {
  const { id, revision: extra } = parseRepositoryReference(repository);
  if (extra !== undefined) {
    throw new NlaError('E_HUB_ID', {
      message: 'A revision is not part of the name of a repository that is published to.',
      found: repository,
      fix: `Name ${id}, and the branch in the option revision.`,
      kind: 'input',
    });
  }
  const env = options.env ?? process.env;
  const { tokenFromEnv, hubUrl } = options;
  const given = tokenFromEnv === undefined ? undefined : (env[tokenFromEnv]?.trim() ?? '');
  if (given === '') throw tokenError(`Set ${tokenFromEnv ?? ''} to a token that may write.`, `${tokenFromEnv ?? ''} is not set`);
  const settings = await hubSettings({
    env,
    ...(hubUrl === undefined ? {} : { hubUrl }),
    ...(given === undefined ? {} : { token: given }),
  });
  if (settings.offline) {
    throw new NlaError('E_HUB_OFFLINE', {
      message: 'Publishing needs a network.',
      found: 'HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set',
      fix: 'Unset it, or lay the release out in a folder: --to directory.',
      kind: 'input',
    });
  }
  if (settings.token !== undefined && !settings.token.startsWith('hf_')) {
    throw tokenError('Make one on the page settings/tokens of the Hub.', 'a token that does not begin with hf_');
  }
  const subject: HubSubject = { settings, id, type: options.type, revision: checkRevision(options.revision) };
  const policy = { ...defaultRetryPolicy, ...options.retry };
  const hubFetch = createHubFetch(subject, policy, signal);
  return {
    subject,
    policy,
    signal,
    hubFetch,
    apiUrl: `${settings.endpoint}/api/${options.type}s/${id}`,
    async head(revision) {
      try {
        return await resolveCommit({ ...subject, revision }, createHubFetch({ ...subject, revision }, policy, signal));
      } catch (error) {
        if (isNlaError(error) && /^E_HUB_(REPOSITORY|REVISION)_NOT_FOUND$/.test(error.code)) return undefined;
        throw error;
      }
    },
    list: async (commit) => new Map((await listCommit(subject, commit, hubFetch)).map((file) => [file.path, file])),
  };
}

/** The token, which publishing needs. Throws `E_HUB_TOKEN`. */
export function requireToken({ subject }: HubSession): string {
  const { token } = subject.settings;
  if (token !== undefined) return token;
  throw tokenError('Log in: `hf auth login`, or set HF_TOKEN to a token that may write.', 'no token');
}

function tokenError(fix: string, found: string): NlaError {
  return new NlaError('E_HUB_TOKEN', {
    message: 'Publishing needs a token of the Hub.',
    found,
    expected: 'a token hf_… that may write',
    fix,
    kind: 'input',
  });
}
