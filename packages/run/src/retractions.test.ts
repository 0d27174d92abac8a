import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseRetractions, readRetractions, retractSteps } from './retractions.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-retract-'));
  for (const step of [50, 100, 150])
    await mkdir(join(folder, 'trajectory', `step_000${String(step).padStart(3, '0')}`), { recursive: true });
});

const held = async () => [...(await readRetractions(folder)).steps.values()].map(({ step, reason }) => [step, reason]);

describe('retractSteps', () => {
  it('adds to the history and never changes it', async () => {
    expect(await held()).toEqual([]);
    await retractSteps(folder, { steps: [150, 100], reason: ' wrong\n scale ', at: new Date(0) });
    await retractSteps(folder, { steps: [150], reason: 'worse still', at: new Date(1000) });
    await retractSteps(folder, { steps: [100], reason: '', undo: true, at: new Date(2000) });
    expect(await held()).toEqual([[150, 'worse still']]);
    expect(JSON.parse(await readFile(join(folder, 'retractions.json'), 'utf8'))).toEqual({
      schema: 1,
      history: [
        { action: 'retract', steps: [100, 150], reason: 'wrong scale', at: '1970-01-01T00:00:00.000Z' },
        { action: 'retract', steps: [150], reason: 'worse still', at: '1970-01-01T00:00:01.000Z' },
        { action: 'restore', steps: [100], reason: '', at: '1970-01-01T00:00:02.000Z' },
      ],
    });
  });

  it('says nothing twice', async () => {
    await retractSteps(folder, { steps: [100], reason: 'wrong scale' });
    const before = await readFile(join(folder, 'retractions.json'), 'utf8');
    await retractSteps(folder, { steps: [100, 100], reason: 'wrong scale' });
    expect(await readFile(join(folder, 'retractions.json'), 'utf8')).toBe(before);
  });

  it('refuses steps that are not there, no reason, and to take back what was not said', async () => {
    await expect(retractSteps(folder, { steps: [100, 120], reason: 'x' })).rejects.toMatchObject({
      code: 'E_STEP_MISSING',
      details: { found: '120' },
    });
    await expect(retractSteps(folder, { steps: [], reason: 'x' })).rejects.toMatchObject({ code: 'E_STEP_MISSING' });
    await expect(retractSteps(folder, { steps: [100], reason: '  ' })).rejects.toMatchObject({ code: 'E_RETRACTION_REASON' });
    await expect(retractSteps(folder, { steps: [100], reason: '', undo: true })).rejects.toMatchObject({ code: 'E_NOT_RETRACTED' });
    expect(await held()).toEqual([]);
  });

  it('loses no retraction to a damaged file', async () => {
    for (const text of [
      '',
      '{',
      '[]',
      '{"schema":2,"history":[]}',
      '{"schema":1,"history":[{"action":"retract","steps":["100"],"reason":"x","at":""}]}',
    ]) {
      await writeFile(join(folder, 'retractions.json'), text);
      await expect(readRetractions(folder)).rejects.toMatchObject({ code: 'E_RETRACTIONS' });
      await expect(retractSteps(folder, { steps: [50], reason: 'x' })).rejects.toMatchObject({ code: 'E_RETRACTIONS' });
      expect(await readFile(join(folder, 'retractions.json'), 'utf8')).toBe(text);
    }
  });
});

it('holds what was said last of each step', () => {
  const entry = fc.record({
    action: fc.constantFrom('retract' as const, 'restore' as const),
    steps: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
    reason: fc.string(),
    at: fc.constant('1970-01-01T00:00:00.000Z'),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (history) => {
      const { steps } = parseRetractions(JSON.stringify({ schema: 1, history }), 'x');
      for (let step = 0; step <= 5; step++) {
        const last = history.findLast((one) => one.steps.includes(step));
        expect(steps.get(step)?.reason).toBe(last?.action === 'retract' ? last.reason : undefined);
      }
      expect([...steps.keys()]).toEqual([...steps.keys()].sort((a, b) => a - b));
    }),
  );
});
