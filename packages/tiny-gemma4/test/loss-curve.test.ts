import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appendCurve, curveFile, readCurve, rewindCurve, thinCurve } from '../recipe/loss-curve.js';
import { machineFacts } from '@nlakit/run';
import { appendSession, readSessions } from '../recipe/training-sessions.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tiny-gemma4-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

const point = (step: number) => ({ step, loss: 10 - step, learningRate: 0.1, gradientNorm: step, seconds: 2 * step });

it('keeps a curve in a file, without a torn last line and without what follows a checkpoint', async () => {
  expect(await readCurve(folder)).toEqual([]);
  await appendCurve(folder, [point(1), point(2), point(3)]);
  await appendFile(curveFile(folder), '{"step":4,"lo');
  expect(await readCurve(folder)).toEqual([point(1), point(2), point(3)]);
  await rewindCurve(folder, 2);
  await appendCurve(folder, [point(3)]);
  expect(await readCurve(folder)).toEqual([point(1), point(2), point(3)]);
});

it('thins a curve to means of equal groups and leaves measurements out', () => {
  const curve = [point(1), point(2), { step: 2, heldOut: 4, seconds: 4 }, point(3), point(4), point(5)];
  expect(thinCurve(curve, 3)).toEqual([
    { step: 2, loss: 8.5, learningRate: 0.1, gradientNorm: 1.5, seconds: 4 },
    { step: 4, loss: 6.5, learningRate: 0.1, gradientNorm: 3.5, seconds: 8 },
    { step: 5, loss: 5, learningRate: 0.1, gradientNorm: 5, seconds: 10 },
  ]);
  expect(thinCurve(curve, 100).map(({ loss }) => loss)).toEqual([9, 8, 7, 6, 5]);
  expect(thinCurve([], 3)).toEqual([]);
});

it('remembers where and with what every session ran', async () => {
  const session = { fromStep: 0, steps: 20, engine: 'abacus', workers: 1, machine: machineFacts() };
  expect(await readSessions(folder)).toEqual([]);
  await appendSession(folder, session);
  await appendSession(folder, { ...session, fromStep: 9 });
  expect(await readSessions(folder)).toEqual([session, { ...session, fromStep: 9 }]);

  await rm(join(folder, 'sessions.jsonl'));
  await appendSession(folder, { ...session, fromStep: 9 });
  await expect(readSessions(folder)).rejects.toMatchObject({ code: 'E_SESSIONS' });
});
