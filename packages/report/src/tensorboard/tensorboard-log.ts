import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError } from '@nlakit/safetensors';
import type { RunEvent } from '@nlakit/run';
import { eventFileName } from './event-file-name.js';
import { eventRecord } from './event-record.js';
import { scalarsOfEvent } from './scalars-of-event.js';

/** Writes a run's events for TensorBoard while it goes on. */
export interface TensorboardLog {
  append(event: RunEvent): Promise<void>;
}

/**
 * Writes to `folder`: a folder for each role and one for evaluations, in each a new event file. A run that was interrupted gets another file
 * behind the first, and tells TensorBoard to forget the steps that are computed again. Its `append` throws `E_WRITE`.
 */
export function createTensorboardLog(folder: string): TensorboardLog {
  const files = new Map<string, string>();
  return {
    async append(event) {
      const placed = scalarsOfEvent(event);
      if (placed === undefined) return;
      try {
        let file = files.get(placed.folder);
        if (file === undefined) {
          const { wallTime } = placed.event;
          await mkdir(join(folder, placed.folder), { recursive: true });
          file = join(folder, placed.folder, eventFileName(wallTime));
          await appendFile(file, eventRecord({ kind: 'version', wallTime }));
          files.set(placed.folder, file);
        }
        await appendFile(file, eventRecord(placed.event));
      } catch (cause) {
        throw writeError(files.get(placed.folder) ?? join(folder, placed.folder), cause);
      }
    },
  };
}
