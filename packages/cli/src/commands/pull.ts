import { pull as pullFiles, type PullResult, type RepositoryType } from '@nlakit/hub';
import { usage, type CommandContext } from '../command-context.js';
import { formatBytes } from '../format-bytes.js';

interface PullCommandOptions {
  readonly subfolder?: string;
  readonly revision?: string;
  readonly type: RepositoryType;
  readonly hubUrl?: string;
  readonly tokenFromEnv?: string;
  readonly include?: readonly string[];
  readonly all?: boolean;
  readonly verify?: boolean;
}

/** `nla pull`: a base model, an adapter or a dataset from the Hub into the shared cache, verified by hash. */
export async function pull(context: CommandContext, options: PullCommandOptions, reference = ''): Promise<undefined> {
  const { io, log } = context;
  const { tokenFromEnv, type, ...rest } = options;
  const token = tokenFromEnv === undefined ? undefined : process.env[tokenFromEnv];
  if (tokenFromEnv !== undefined && !token) throw usage('--token-from-env', tokenFromEnv, 'the name of a variable that holds a token');
  const result = await pullFiles(reference, {
    ...rest,
    ...(token === undefined ? {} : { token }),
    type,
    signal: io.signal,
    onWarning: (message) => log.warn(message),
    onProgress: ({ doneBytes, totalBytes }) => log.progress({ task: 'pull', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  });
  context.print(result, () => summary(result));
  return undefined;
}

function summary({ id, requested, revision, files, folder, receivedBytes, resumedBytes }: PullResult): string {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const resumed = resumedBytes === 0 ? '' : `, ${formatBytes(resumedBytes)} of an interrupted pull used`;
  return [
    `${id} at ${requested}${requested === revision ? '' : ` (commit ${revision.slice(0, 12)})`}`,
    ...files.map(({ path, bytes, from }) => `${from === 'cache' ? '=' : '+'} ${path}  ${formatBytes(bytes)}`),
    `${files.length} files, ${formatBytes(total)} (${formatBytes(receivedBytes)} fetched now${resumed})`,
    folder,
  ].join('\n');
}
