import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { basename, extname } from 'node:path';
import { NlaError, type Release, type ReleaseFile } from '@nlakit/core';
import { findLeaks } from './find-leaks.js';

/** A file of a release with its size and sha256 (hex). */
export type MeasuredFile = ReleaseFile & { readonly bytes: number; readonly sha256: string };

/** Why a file must not leave the machine. */
interface Refusal {
  /** Path in the release. */
  readonly path: string;
  /** Line, counted from 1, where there is one. */
  readonly line?: number;
  /** What is wrong with it, as the end of "this file holds …" or "this file is …". */
  readonly reason: string;
  /** The text in question; of a secret only its beginning. */
  readonly found?: string;
}

/** Options of {@link checkRelease}. */
export interface CheckOptions {
  /** Rows of a corpus (parquet, JSON lines, CSV) may be in the release. */
  readonly corpusRows: boolean;
  /** Adapters must name their base model as others can find it: a Hub id or a data package. */
  readonly publicBase: boolean;
}

/** Files that are not searched as text. */
const binary = new Set(['.safetensors', '.parquet', '.png', '.jpg', '.jpeg', '.webp', '.gif', '.woff', '.woff2', '.ico', '.pdf']);
const rows = new Set(['.parquet', '.jsonl', '.ndjson', '.arrow', '.csv', '.tsv']);
const pickles = new Set(['.pt', '.pth', '.ckpt', '.pkl', '.pickle', '.bin', '.npz']);

/**
 * Sizes and hashes of the files of a release, after every file has been looked through for what must not leave the machine: states to
 * resume from and optimizer states, pickles, keys, paths and names of this machine, secrets, internal hosts (also in the metadata of
 * safetensors), rows of the corpus, and adapters whose base model is a folder.
 *
 * Throws `E_PUBLISH_PATH` for a path that leads out of the release, `E_PUBLISH_FILE` for a file that cannot be read, and
 * `E_PUBLISH_LEAK` with every refusal in one list.
 */
export async function checkRelease(release: Release, options: CheckOptions): Promise<readonly MeasuredFile[]> {
  const seen = new Set<string>();
  const refusals: Refusal[] = [];
  const files: MeasuredFile[] = [];
  for (const file of release.files) {
    checkReleasePath(file.path);
    if (seen.has(file.path)) {
      throw new NlaError('E_PUBLISH_PATH', { message: 'Two files of the release have the same path.', found: file.path });
    }
    seen.add(file.path);
    try {
      files.push({ ...file, ...(await measure(file)) });
      refusals.push(...(await refusalsOf(file, options)));
    } catch (cause) {
      throw new NlaError('E_PUBLISH_FILE', {
        message: 'A file of the release cannot be read.',
        file: 'file' in file.source ? file.source.file : file.path,
        found: cause instanceof Error ? cause.message : String(cause),
        kind: 'input',
        cause,
      });
    }
  }
  if (refusals.length > 0) throw leakError(refusals);
  return files;
}

/** Throws `E_PUBLISH_PATH` unless `path` is relative, has `/` between its parts and stays inside. */
export function checkReleasePath(path: string): void {
  const parts = path.split('/');
  if (path !== '' && !/[\\\0]/.test(path) && !parts.some((part) => part === '' || part === '.' || part === '..')) return;
  throw new NlaError('E_PUBLISH_PATH', {
    message: 'A release may only write inside its own folder.',
    found: JSON.stringify(path),
    expected: 'a relative path with /',
    kind: 'input',
  });
}

/** sha256 of a file, hex. */
export async function hashOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

async function measure(file: ReleaseFile): Promise<{ readonly bytes: number; readonly sha256: string }> {
  if ('content' in file.source) {
    const content = Buffer.from(file.source.content, 'utf8');
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }
  return { bytes: (await stat(file.source.file)).size, sha256: await hashOfFile(file.source.file) };
}

async function refusalsOf(file: ReleaseFile, { corpusRows, publicBase }: CheckOptions): Promise<readonly Refusal[]> {
  const { path } = file;
  const kind = extname(path).toLowerCase();
  const name = reasonOfName(path, corpusRows);
  if (name !== undefined) return [{ path, reason: name }];
  if (kind === '.safetensors') return refusalsOfTensors(file);
  if (binary.has(kind)) return [];
  const text = 'content' in file.source ? file.source.content : await readFile(file.source.file, 'utf8');
  const leaks = findLeaks(text, ownPaths(), ownHosts()).map(({ what, found, line }) => ({ path, line, reason: `holds ${what}`, found }));
  return publicBase && basename(path) === 'adapter_config.json' ? [...leaks, ...refusalsOfBase(path, text)] : leaks;
}

/** Why a file is refused by its name alone. */
function reasonOfName(path: string, corpusRows: boolean): string | undefined {
  const kind = extname(path).toLowerCase();
  if (
    /(^|\/)(resume|optimizer|checkpoint-state)\//i.test(path) ||
    /(^|\/)(optimizer|scheduler|scaler|rng_state)[^/]*\.[^/]+$/i.test(path)
  ) {
    return 'is a state to resume training from';
  }
  if (/(^|\/)(trainer_state\.json|training_args\.[^/]+)$/.test(path)) return 'is a state to resume training from';
  if (/(^|\/)(\.env[^/]*|\.netrc|\.npmrc|id_(rsa|ed25519|ecdsa)[^/]*|[^/]+\.(pem|key|p12|pfx))$/.test(path))
    return 'is where secrets are kept';
  if (/(^|\/)(\.git|\.cache|node_modules)\//.test(path)) return 'is of this machine only';
  if (pickles.has(kind)) return 'is a pickle or another binary that runs or hides code';
  if (rows.has(kind) && !corpusRows) return 'holds rows of the corpus';
  return undefined;
}

/** Metadata and tensor names of a safetensors file; the header is at its beginning, after its length in 8 bytes. */
async function refusalsOfTensors({ path, source }: ReleaseFile): Promise<readonly Refusal[]> {
  const text = 'content' in source ? source.content : await readSafetensorsHeader(source.file);
  const leaks = findLeaks(text, ownPaths(), ownHosts()).map(({ what, found }) => ({ path, reason: `holds ${what}`, found }));
  const moment = /"([^"]*(?:exp_avg|first_moment|second_moment|momentum_buffer)[^"]*)"\s*:/.exec(text)?.[1];
  return moment === undefined ? leaks : [...leaks, { path, reason: 'holds an optimizer state', found: moment }];
}

async function readSafetensorsHeader(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const length = Buffer.alloc(8);
    await handle.read(length, 0, 8, 0);
    // Whether it is a safetensors file at all is not the question here.
    const { size } = await handle.stat();
    const header = Buffer.alloc(Math.min(size, Number(length.readBigUInt64LE())));
    const { bytesRead } = await handle.read(header, 0, header.length, 8);
    return header.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function refusalsOfBase(path: string, text: string): readonly Refusal[] {
  let base: unknown;
  try {
    ({ base_model_name_or_path: base } = JSON.parse(text) as { readonly base_model_name_or_path?: unknown });
  } catch {
    return [{ path, reason: 'is no JSON' }];
  }
  if (typeof base === 'string' && isPublicModelName(base)) return [];
  const at = text.indexOf('base_model_name_or_path');
  return [
    {
      path,
      ...(at < 0 ? {} : { line: text.slice(0, at).split('\n').length }),
      reason: 'names no base model that others can find (expected a Hub id such as google/gemma-4-E2B, or a data package)',
      found: JSON.stringify(base ?? null),
    },
  ];
}

/** Whether `name` has the form of a Hub id (`owner/name`, or one of the old ones without owner) or of an npm package. */
export function isPublicModelName(name: string): boolean {
  return /^@?[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?$/.test(name);
}

function ownPaths(): readonly string[] {
  return [homedir(), tmpdir(), process.cwd()].filter((path) => path !== '/');
}

/** The name of this machine where it says something: short and common names are words of a text as well. */
function ownHosts(): readonly string[] {
  const name = hostname();
  return name.length >= 8 && /[\d.-]/.test(name) ? [name] : [];
}

function leakError(refusals: readonly Refusal[]): NlaError {
  const [first] = refusals;
  const lines = refusals.map(
    ({ path, line, reason, found }) => `${path}${line === undefined ? '' : `:${line}`} ${reason}${found === undefined ? '' : `: ${found}`}`,
  );
  return new NlaError('E_PUBLISH_LEAK', {
    message:
      refusals.length === 1
        ? `This file ${first?.reason ?? ''}, which must not leave the machine.`
        : `${refusals.length} things in this release must not leave the machine.`,
    ...(first === undefined ? {} : { file: first.path, ...(first.line === undefined ? {} : { line: first.line, column: 1 }) }),
    found: refusals.length === 1 ? (first?.found ?? first?.path ?? '') : lines.join('\n            '),
    fix: 'Remove it from where the file is made (paths in a config should be relative), then publish again.',
    kind: 'input',
  });
}
