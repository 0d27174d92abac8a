import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { MachineFacts } from '@nlakit/run';

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

/** The sessions so far; none if there is no list. Throws `E_SESSIONS` if the list does not begin with the first step. */
export async function readSessions(folder: string): Promise<TrainingSession[]> {
  const file = sessionsFile(folder);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  const sessions = lines.map((line) => JSON.parse(line) as TrainingSession);
  const known = sessions.every(({ fromStep, steps }) => Number.isInteger(fromStep) && Number.isInteger(steps));
  if (sessions.length > 0 && !(known && sessions[0]?.fromStep === 0)) {
    throw new NlaError('E_SESSIONS', {
      message: 'The list of sessions does not tell how the training began.',
      file,
      found: lines[0] ?? '',
      expected: 'one line per session with fromStep and steps, the first from step 0',
      fix: 'Complete the list from the log of the training, or delete it.',
      kind: 'input',
    });
  }
  return sessions;
}
