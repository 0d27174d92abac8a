import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { NlaError, type JsonValue } from '@nlakit/core';
import { atomicWriteFile, writeError } from '@nlakit/safetensors';
import { z } from 'zod';
import { requestKey, sortKeys } from './canonical-request.js';

const recordSchema = z.object({
  version: z.literal(1),
  request: z.json(),
  answer: z.object({
    text: z.string(),
    stop: z.enum(['end', 'length', 'refusal', 'other']),
    model: z.string(),
    inputTokens: z.number().int().min(0),
    outputTokens: z.number().int().min(0),
  }),
});

/** An answer as it is kept: without cost, which depends on the prices of the day. */
export type StoredAnswer = z.output<typeof recordSchema>['answer'];

/** Answers in a folder, one JSON file each, named by the sha256 of its canonical request. Holds no keys, dates or addresses. */
export interface AnswerStore {
  readonly folder: string;
  has(key: string): boolean;
  /** Nothing if there is none. Throws `E_CHAT_CACHE` for a file that is damaged or of another request. */
  read(key: string): Promise<StoredAnswer | undefined>;
  /** Writes a whole file or none. Throws `E_WRITE`. */
  write(key: string, request: JsonValue, answer: StoredAnswer): Promise<void>;
}

/** The answers of a folder; it is made when the first one is kept. */
export function openAnswerStore(folder: string): AnswerStore {
  const fileOf = (key: string): string => path.join(folder, key.slice(0, 2), `${key}.json`);
  return {
    folder,
    has: (key) => existsSync(fileOf(key)),
    async read(key) {
      const file = fileOf(key);
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw damaged(file, error instanceof Error ? error.message : String(error));
      }
      return parseRecord(file, text, key);
    },
    async write(key, request, answer) {
      const file = fileOf(key);
      await mkdir(path.dirname(file), { recursive: true }).catch((error: unknown) => {
        throw writeError(path.dirname(file), error);
      });
      await atomicWriteFile(file, `${JSON.stringify({ version: 1, request, answer }, null, 2)}\n`);
    },
  };
}

function parseRecord(file: string, text: string, key: string): StoredAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(file, error instanceof Error ? error.message : String(error));
  }
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) throw damaged(file, z.prettifyError(parsed.error));
  const found = requestKey(sortKeys(parsed.data.request));
  if (found !== key) throw damaged(file, `the answer to request ${found}`);
  return parsed.data.answer;
}

function damaged(file: string, found: string): NlaError {
  return new NlaError('E_CHAT_CACHE', {
    message: 'A recorded answer cannot be read.',
    file,
    found,
    expected: 'the answer to the request that the file is named after',
    fix: 'Remove the file; the answer is asked for again when it is needed. Restore it where answers are replayed.',
    kind: 'input',
  });
}
