import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runIn } from '../../test/support/run-in.js';

describe('nla validate with the plugins that come with it', () => {
  let folder: string;
  let config: string;
  const nla = (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> => {
    return runIn(folder, args);
  };
  const changed = async (from: string, to: string): Promise<string> => {
    expect(config).toContain(from);
    await writeFile(join(folder, 'changed.yaml'), config.replace(from, to));
    return 'changed.yaml';
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-validate-'));
    expect((await nla('init', '.', '--name', 'new')).code).toBe(0);
    config = await readFile(join(folder, 'nla.config.yaml'), 'utf8');
  });

  it('accepts what nla init writes', async () => {
    expect(await nla('validate', 'nla.config.yaml')).toMatchObject({ code: 0, out: expect.stringContaining('is valid (run new') });
  });

  it('shows the place of a layer that the model does not have', async () => {
    const { code, out } = await nla('validate', await changed('tiny-gemma4" }', 'tiny-gemma4", layer: 99 }'));
    expect(code).toBe(2);
    expect(out).toMatch(/E_MODEL_LAYER .*changed\.yaml:\d+:\d+: [\s\S]*found: +99\n +expected: 0 to 7/);
  });

  it('takes a model that is not here as a note: configs are also written elsewhere', async () => {
    const { code, out } = await nla('validate', await changed('@nlakit/tiny-gemma4', 'google/no-such-model'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, issues: [], notes: [expect.stringContaining('not on this machine')] });
  });

  it('says so when the memory plan does not fit', async () => {
    const { code, out } = await nla('validate', 'nla.config.yaml', '--set', 'trainers.av.options.microBatch=4096', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ ok: false, issues: [{ code: 'E_MEMORY_PLAN', path: 'backend.use', line: 5 }] });
  });
});
