import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { NlaError } from '@nlakit/core';

/** Where the Hub is, who asks, and where things are kept. */
export interface HubSettings {
  /** Address of the Hub, without a slash at the end. */
  readonly endpoint: string;
  readonly token?: string;
  /** Folder that holds `models--owner--name`. */
  readonly cacheFolder: string;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
  /** Whether snapshots may be made of symbolic links where the file system can. */
  readonly symlinks: boolean;
}

/** What a caller decides in place of the environment. */
export interface HubSettingsOptions {
  readonly hubUrl?: string;
  /** Empty: no token, whatever the environment says. */
  readonly token?: string;
  readonly cacheFolder?: string;
  readonly offline?: boolean;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Settings from the variables that the Python tools read: `HF_ENDPOINT`, `HF_TOKEN` (else the file that `hf auth login` writes, at
 * `HF_TOKEN_PATH` or `$HF_HOME/token`), `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HF_HUB_OFFLINE`, `HF_HUB_DISABLE_SYMLINKS`,
 * `HF_HUB_DISABLE_IMPLICIT_TOKEN`. Throws `E_HUB_URL`.
 */
export async function hubSettings(options: HubSettingsOptions = {}): Promise<HubSettings> {
  const env = options.env ?? process.env;
  const token = options.token ?? (isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN']) ? undefined : await implicitToken(env));
  return {
    endpoint: checkEndpoint(options.hubUrl ?? (env['HF_ENDPOINT'] || 'https://huggingface.co')),
    ...(token === undefined || token === '' ? {} : { token }),
    cacheFolder: options.cacheFolder ?? hubCacheFolder(env),
    offline: options.offline ?? (isTrue(env['HF_HUB_OFFLINE']) || isTrue(env['TRANSFORMERS_OFFLINE'])),
    symlinks: !isTrue(env['HF_HUB_DISABLE_SYMLINKS']),
  };
}

/** The cache that the Python tools use in this environment. */
export function hubCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const explicit = env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'];
  return explicit ? expandHome(explicit) : path.join(hubHome(env), 'hub');
}

function hubHome(env: Readonly<Record<string, string | undefined>>): string {
  return expandHome(env['HF_HOME'] || path.join(env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'huggingface'));
}

function expandHome(folder: string): string {
  return path.resolve(folder.replace(/^~(?=$|[\\/])/, homedir()));
}

async function implicitToken(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const given = clean(env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN']);
  if (given !== undefined) return given;
  const file = env['HF_TOKEN_PATH'] ? expandHome(env['HF_TOKEN_PATH']) : path.join(hubHome(env), 'token');
  // Who has not logged in has no such file, and needs none for what is public.
  return clean(await readFile(file, 'utf8').catch(() => undefined));
}

/** Without the line ends that shells and editors leave; nothing where nothing remains. */
function clean(token: string | undefined): string | undefined {
  const trimmed = token?.replace(/[\r\n]/g, '').trim();
  return trimmed === '' ? undefined : trimmed;
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') return text.replace(/\/+$/, '');
  throw new NlaError('E_HUB_URL', {
    message: 'The address of the Hub is wrong.',
    found: url?.username ? 'an address with a user name in it' : text,
    expected: 'https://huggingface.co, or the address of another Hub',
    fix: 'Correct --hub-url or HF_ENDPOINT.',
    kind: 'input',
  });
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}
