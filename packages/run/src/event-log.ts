import { appendFile, open, readFile } from 'node:fs/promises';
import { withPath, writeFileAtomically } from './file-writing.js';
import type { RunEvent, RunEventBody } from './run-event.js';
import type { Role } from './run-layout.js';

/** The event file of a run: appended to, one JSON object a line. */
export interface EventLog {
  append(event: RunEventBody): Promise<void>;
}

/** Told each event once it is in the file. */
export type EventListener = (event: RunEvent) => void | Promise<void>;

/** Appends to `file`, stamping the time. */
export function createEventLog(file: string, listener?: EventListener): EventLog {
  let mended: Promise<void> | undefined;
  return {
    async append(event) {
      const stamped = { time: new Date().toISOString(), ...event };
      await withPath(file, async () => {
        await (mended ??= endLastLine(file));
        await appendFile(file, `${JSON.stringify(stamped)}\n`);
      });
      await listener?.(stamped);
    },
  };
}

/** Ends a line that a crash cut short: what is appended next would become part of it, and be lost with it. */
async function endLastLine(file: string): Promise<void> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  let whole: boolean;
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    whole = size === 0 || last.toString() === '\n';
  } finally {
    await handle.close();
  }
  if (!whole) await appendFile(file, '\n');
}

/** All events of a file in order; a last line that a crash cut short is left out. Empty when the file does not exist. */
export async function readEvents(file: string): Promise<RunEvent[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const events: RunEvent[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line) as RunEvent);
    } catch {
      // Only the line that was being appended when the machine stopped can be broken.
    }
  }
  return events;
}

/**
 * Takes back what one role's training said after `step`, because training goes on from there and will say it again. Step 0 takes back
 * everything that role said.
 */
export async function rewindEvents(file: string, role: Role, step: number): Promise<void> {
  const events = await readEvents(file);
  const kept = events.filter((event) => {
    if (event.stage !== 'train' || event.role !== role) return true;
    if (step === 0) return false;
    if (event.type === 'done') return false;
    // The event of an interruption stays only if it is the place training goes on from.
    if (event.type === 'step' || event.type === 'checkpoint' || event.type === 'warning') return (event.step ?? 0) <= step;
    return true;
  });
  if (kept.length !== events.length) await writeFileAtomically(file, kept.map((event) => `${JSON.stringify(event)}\n`).join(''));
}
