import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plugin } from '@nlakit/publisher-directory';
import type { RunHost } from '@nlakit/run';
import { readSidecar } from '@nlakit/sidecar';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeConfig, fakeHost } from '../../../run/src/test-support/fake-plugins.js';
import { runIn } from '../../test/support/run-in.js';

const reason = 'injected at scale 20000, 1768 times too long';

describe('nla report, lint, retract and publish', () => {
  let folder: string;
  const nla = (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> => {
    const estimate = (value: number) => ({ value, low: value - 0.05, high: value + 0.05 });
    const fakes = fakeHost({
      done: [],
      measure: (step) => ({
        rows: [{ id: 'r0', cosines: { AV_OUT: step / 10 } }],
        headline: { avOut: step / 10 },
        columns: [{ figure: 'avOut', label: 'AV_OUT', format: 'number' }],
        summary: { conditions: { AV_OUT: { cosine: estimate(step / 10) } }, differences: { SHUFFLED: estimate(0.2) } },
      }),
    });
    const host: RunHost = {
      ...fakes,
      bundled: (specifier) =>
        specifier === '@nlakit/publisher-directory'
          ? Promise.resolve({ plugin })
          : (fakes.bundled?.(specifier) ?? Promise.reject(new Error())),
    };
    return runIn(folder, args, host);
  };
  const read = (path: string) => readFile(join(folder, path), 'utf8');
  const publish = () => nla('publish', 'here', '--to', 'directory', '--repo', 'owner/nla', '--json');
  const target = 'published/owner/nla';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-cli-retract-'));
    await writeFile(join(folder, 'nla.config.yaml'), fakeConfig);
    const run = await nla('run', 'nla.config.yaml', '--run-dir', 'here');
    expect(run.error).not.toContain('E_');
    expect(run.code).toBe(0);
  });

  it('finds nothing wrong with what it wrote, and publishes it', async () => {
    const { code, out } = await nla('lint', 'here', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: true, findings: [] });
    expect(code).toBe(0);
    const { out: published, error } = await publish();
    expect(error).not.toContain('E_');
    expect(JSON.parse(published)).toMatchObject({ destination: expect.stringContaining('nla') as string });
    expect((await nla('lint', target)).code).toBe(0);
  });

  it('refuses, with 2, to publish a number that no file holds', async () => {
    const card = await read('here/report/README.md');
    await writeFile(join(folder, 'here/report/README.md'), card.replace('| 5 | 0.500 |', '| 5 | 0.900 |'));
    const found = await nla('lint', 'here', '--json');
    expect(found.code).toBe(2);
    expect(JSON.parse(found.out)).toMatchObject({ ok: false, findings: [{ code: 'E_LINT_NUMBER', file: 'README.md', found: '0.900' }] });
    expect((await nla('lint', 'here')).out).toMatch(/README\.md:\d+ \(H5 .*, row 3, column AV_OUT\) E_LINT_NUMBER/);
    const refused = await publish();
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.out)).toMatchObject({ error: { code: 'E_LINT_NUMBER', file: 'README.md' } });
    expect((await nla('report', 'here')).code).toBe(0);
    expect(await read('here/report/README.md')).toBe(card);
  });

  it('states licences of the data that it is told, also in the reports after', async () => {
    expect((await nla('report', 'here', '--data-license', 'wikipedia=CC-BY-SA-4.0')).code).toBe(0);
    expect((await nla('report', 'here')).code).toBe(0);
    expect(await read('here/report/README.md')).toContain('- Data, wikipedia: CC-BY-SA-4.0');
    expect((await nla('report', 'here', '--data-license', 'wikipedia')).code).toBe(2);
  });

  it('retracts steps in the run: the card says so, and nothing is concluded from them', async () => {
    const before = await read('here/trajectory/step_000005/nla_meta.yaml');
    const { code, out } = await nla('retract', 'here', '--steps', '4,5', '--reason', reason, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      retracted: [
        { step: 4, reason },
        { step: 5, reason },
      ],
    });
    const card = await read('here/report/README.md');
    expect(card).toContain(
      '> **Correction.** Do not rely on [`trajectory/step_000004`](trajectory/step_000004/), [`trajectory/step_000005`]',
    );
    expect(card).toContain(reason);
    expect(card).toContain('name: fake-run step 2');
    expect(card).toContain('subfolder="trajectory/step_000002"');
    expect(card).toContain('| 5 | retracted | 0.500 |');
    expect(await read('here/report/index.html')).toContain('<b>Correction.</b>');
    expect(await read('here/trajectory/step_000005/nla_meta.yaml')).toBe(before);
    expect((await nla('lint', 'here')).code).toBe(0);
  });

  it('keeps a retraction through later runs and reports, and warns who measures the step', async () => {
    expect((await nla('run', 'nla.config.yaml', '--run-dir', 'here')).code).toBe(0);
    expect((await nla('report', 'here')).code).toBe(0);
    expect(await read('here/report/README.md')).toContain(reason);
    const { error } = await nla('eval', 'here', '--steps', '5', '--rows', '1');
    expect(error).toContain(`W_STEP_RETRACTED: step_000005 is retracted: ${reason}`);
    expect((await nla('report', 'here')).code).toBe(0);
  });

  it('publishes the retraction with the step and beside the card', async () => {
    expect((await publish()).code).toBe(0);
    const sidecar = await readSidecar(join(folder, target, 'trajectory/step_000005/nla_meta.yaml'));
    expect(sidecar).toMatchObject({ retraction: { reason }, step: 5 });
    expect(await readSidecar(join(folder, target, 'trajectory/step_000002/nla_meta.yaml'))).toMatchObject({ retraction: null });
    expect(await read(`${target}/README.md`)).toContain(reason);
    expect(JSON.parse(await read(`${target}/retractions.json`))).toMatchObject({ history: [{ action: 'retract', steps: [4, 5] }] });
    expect((await nla('lint', target)).code).toBe(0);
  });

  it('retracts in a published folder, which has no run, and takes it back', async () => {
    await cp(join(folder, target), join(folder, 'copy'), { recursive: true });
    expect((await nla('retract', 'copy', '--steps', '2', '--reason', 'a third mistake')).code).toBe(0);
    const card = await read('copy/README.md');
    expect(card).toContain('Every measured step is retracted, so nothing is concluded here.');
    expect(card).not.toContain('model-index');
    expect((await nla('lint', 'copy')).code).toBe(0);
    const undone = await nla('retract', 'copy', '--steps', '2', '--undo', '--json');
    expect(JSON.parse(undone.out)).toMatchObject({ retracted: [{ step: 4 }, { step: 5 }], history: { length: 3 } });
    expect(await read('copy/README.md')).toBe(await read(`${target}/README.md`));
  });

  it('takes a retraction back in the run: the card is as before, the history stays', async () => {
    const { code } = await nla('retract', 'here', '--steps', '4,5', '--undo', '--reason', 'the scale was right after all');
    expect(code).toBe(0);
    const card = await read('here/report/README.md');
    expect(card).not.toContain('Correction');
    expect(card).toContain('name: fake-run step 5');
    expect(await read('here/retractions.json')).toContain('the scale was right after all');
    expect((await publish()).code).toBe(0);
    expect(await readSidecar(join(folder, target, 'trajectory/step_000005/nla_meta.yaml'))).toMatchObject({ retraction: null });
  });

  it('refuses, with 2, what makes no sense', async () => {
    for (const args of [
      ['here', '--steps', '4'],
      ['here', '--steps', '4', '--reason', ' '],
      ['here', '--steps', '999', '--reason', 'x'],
      ['here', '--steps', 'four', '--reason', 'x'],
      ['here', '--steps', '4', '--undo'],
      ['nowhere', '--steps', '4', '--reason', 'x'],
    ])
      expect((await nla('retract', ...args, '--json')).code, args.join(' ')).toBe(2);
    expect((await nla('lint', 'nowhere')).code).toBe(2);
  });
});
