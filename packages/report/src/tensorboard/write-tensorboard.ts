import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readEvents, runLayout } from '@nlakit/run';
import { eventFileName, isEventFileName } from './event-file-name.js';
import { eventRecord } from './event-record.js';
import { scalarsOfEvent } from './scalars-of-event.js';

/**
 * Turns the `events.jsonl` of a run into TensorBoard event files below `folder`, in place of those that are there. Steps that were computed
 * twice around an interruption are in it once. Returns the files.
 */
export async function writeTensorboard(runFolder: string, folder: string): Promise<readonly string[]> {
  const places = new Map<string, { readonly start: number; readonly records: Uint8Array[] }>();
  for (const event of await readEvents(runLayout(runFolder).eventsFile)) {
    const placed = scalarsOfEvent(event);
    if (placed === undefined || placed.event.kind === 'start') continue;
    const start = placed.event.wallTime;
    const place = places.get(placed.folder) ?? { start, records: [eventRecord({ kind: 'version', wallTime: start })] };
    places.set(placed.folder, place);
    place.records.push(eventRecord(placed.event));
  }
  const files: string[] = [];
  for (const [name, { start, records }] of places) {
    const target = join(folder, name);
    await mkdir(target, { recursive: true });
    for (const old of await readdir(target)) if (isEventFileName(old)) await rm(join(target, old));
    const file = join(target, eventFileName(start));
    await writeFile(file, Buffer.concat(records));
    files.push(file);
  }
  return files;
}
