import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { PromptTemplates, TokenContract, Tokenizer } from '@nlakit/core';
import { avPromptIds } from '../prompts.js';
import { templateSha256 } from '../template-hash.js';
import { measureSuffix, measureTokens } from './measure-tokens.js';

/** Tokens of a prompt, and where they come from. */
export interface ChosenTokens {
  readonly tokens: TokenContract;
  /** `kept`: an earlier choice that still holds; `measured`: chosen now. */
  readonly source: 'kept' | 'measured';
  /** File that keeps the choice. */
  readonly file: string;
}

/** Folder of kept choices: `NLAKIT_CACHE`, or `nlakit` in the cache folder of the user. */
export function markerCacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env['NLAKIT_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nlakit'), 'markers');
}

/**
 * As {@link measureTokens}, with the choice kept in one file per tokenizer (its sha256 is the name) under the hashes of the templates. A
 * kept choice is measured again before it is used, and made anew where it does not hold; a file that cannot be read is as good as none.
 */
export async function chooseTokens(templates: PromptTemplates, tokenizer: Tokenizer, folder = markerCacheFolder()): Promise<ChosenTokens> {
  const file = join(folder, `${tokenizer.sha256}.json`);
  const key = `${templateSha256(templates.av)}-${templateSha256(templates.ar)}-${templates.avChat ? 'chat' : 'raw'}`;
  const kept = await readKept(file);
  const known = kept[key];
  if (isTokens(known) && holds(known, templates, tokenizer)) return { tokens: known, source: 'kept', file };
  const tokens = measureTokens(templates, tokenizer);
  await mkdir(folder, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify({ ...kept, [key]: tokens }, null, 2)}\n`);
  await rename(temporary, file);
  return { tokens, source: 'measured', file };
}

async function readKept(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isTokens(value: unknown): value is TokenContract {
  if (typeof value !== 'object' || value === null) return false;
  const tokens = value as Partial<Record<keyof TokenContract, unknown>>;
  const ids = [tokens.injectionTokenId, tokens.leftNeighborId, tokens.rightNeighborId];
  const suffix = tokens.criticSuffixIds;
  return typeof tokens.injectionChar === 'string' && ids.every(Number.isSafeInteger) && (suffix === null || Array.isArray(suffix));
}

function holds(tokens: TokenContract, templates: PromptTemplates, tokenizer: Tokenizer): boolean {
  const alone = tokenizer.encode(tokens.injectionChar, { special: false });
  if (alone.length !== 1 || alone[0] !== tokens.injectionTokenId || alone[0] === tokenizer.unkId) return false;
  const ids = avPromptIds({ templates, tokens }, tokenizer);
  const at = ids.indexOf(tokens.injectionTokenId);
  const once = at > 0 && at === ids.lastIndexOf(tokens.injectionTokenId);
  if (!once || ids[at - 1] !== tokens.leftNeighborId || ids[at + 1] !== tokens.rightNeighborId) return false;
  return JSON.stringify(measureSuffix(templates, tokenizer)) === JSON.stringify(tokens.criticSuffixIds);
}
