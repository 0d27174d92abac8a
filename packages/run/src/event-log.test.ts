import { appendFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEventLog, readEvents, rewindEvents } from './event-log.js';
import type { RunEventBody } from './run-event.js';

const newFile = async (): Promise<string> => join(await mkdtemp(join(tmpdir(), 'nla-events-')), 'events.jsonl');
const step = (role: 'av' | 'ar', number: number): RunEventBody => ({
  stage: 'train',
  role,
  type: 'step',
  step: number,
  steps: 9,
  figures: { loss: 1 },
});
const stepsOf = async (file: string): Promise<unknown[]> =>
  (await readEvents(file)).map((event) => (event.type === 'step' ? `${event.role} ${event.step}` : event.type));

describe('events.jsonl', () => {
  it('loses no event to a line that a crash cut short', async () => {
    const file = await newFile();
    await createEventLog(file).append(step('av', 1));
    await appendFile(file, '{"time":"2026-01-01","stage":"tra');
    const log = createEventLog(file);
    await log.append(step('av', 2));
    await log.append(step('av', 3));
    expect(await stepsOf(file)).toEqual(['av 1', 'av 2', 'av 3']);
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(5);
  });

  it('takes back what will be said again, of one role only', async () => {
    const file = await newFile();
    const log = createEventLog(file);
    for (const event of [step('ar', 1), step('av', 1), step('av', 2), step('av', 3)]) await log.append(event);
    await log.append({ stage: 'train', role: 'av', type: 'done', step: 3, figures: {} });
    await rewindEvents(file, 'av', 2);
    expect(await stepsOf(file)).toEqual(['ar 1', 'av 1', 'av 2']);
    await rewindEvents(file, 'av', 0);
    expect(await stepsOf(file)).toEqual(['ar 1']);
    expect(await readEvents(join(file, '../none.jsonl'))).toEqual([]);
  });
});
