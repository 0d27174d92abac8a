import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineFacts } from './machine.js';

/** One start of the training program: what computed, and where. */
export interface TrainingSession {
  /** Step of the checkpoint it went on from; 0 for the first. */
  readonly fromStep: number;
  /** Steps that were planned; rows and learning rate of the session follow from them. */
  readonly steps: number;
  readonly engine: string;
  readonly workers: number;
  readonly machine: MachineFacts;
}

/** File of the sessions in a training folder. */
function sessionsFile(folder: string): string {
  return join(folder, 'sessions.jsonl');
}

/** Adds a session at the end of the list. */
export async function appendSession(folder: string, session: TrainingSession): Promise<void> {
  await appendFile(sessionsFile(folder), `${JSON.stringify(session)}\n`);
}

/** The sessions so far; none if there is no list. */
export async function readSessions(folder: string): Promise<TrainingSession[]> {
  const text = await readFile(sessionsFile(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TrainingSession);
}
