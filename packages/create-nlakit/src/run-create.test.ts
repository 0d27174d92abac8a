import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCreate } from './index.js';

describe('create-nlakit', () => {
  let cwd: string;
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'create-nlakit-'));
  });
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  async function create(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
    let out = '';
    let error = '';
    const code = await runCreate(args, { out: (text) => (out += text), error: (text) => (error += text), interactive: false, cwd });
    return { code, out, error };
  }

  it('makes a plugin under the name of its folder, or another', async () => {
    const { code, out } = await create('nla-words', '--plugin', 'evaluator');
    expect(code).toBe(0);
    expect(out).toMatch(/wrote nla-words\/src\/plugin\.ts[^]*cd nla-words\n {2}npm install\n {2}npm test\n/);
    expect(JSON.parse(await readFile(join(cwd, 'nla-words/package.json'), 'utf8'))).toMatchObject({ name: 'nla-words' });
    const named = await create('other', '--plugin', 'labeler', '--name', '@me/labeler', '--json');
    expect(JSON.parse(named.out)).toMatchObject({ what: 'labeler', name: '@me/labeler', folder: join(cwd, 'other') });
    expect(await readFile(join(cwd, 'other/README.md'), 'utf8')).toContain("labeler: { use: '@me/labeler'");
  });

  it('makes an experiment', async () => {
    expect((await create('first', '--experiment', '--model', 'me/model')).code).toBe(0);
    expect((await readdir(join(cwd, 'first'))).sort()).toEqual(['.gitignore', 'README.md', 'nla.config.yaml', 'package.json']);
  });

  it('overwrites nothing, and writes nothing beside what it may not overwrite', async () => {
    await writeFile(join(cwd, 'README.md'), 'mine');
    const { code, error } = await create('.', '--experiment', '--name', 'x');
    expect(code).toBe(2);
    expect(error).toContain('E_FILE_EXISTS');
    expect(await readdir(cwd)).toEqual(['README.md']);
  });

  it('says what is wrong with what it is told', async () => {
    for (const [args, about] of [
      [[], '--experiment'],
      [['x', '--plugin', 'magic'], 'no such kind'],
      [['x', '--plugin', 'model', '--experiment'], 'an experiment or a plugin'],
      [['x', '--plugin', 'model', '--model', 'y'], 'Only an experiment'],
      [['x', 'y', '--experiment'], 'one folder'],
      [['x', '--plugin', 'model', '--name', 'Not A Name'], 'cannot have this name'],
      [['x', '--experiment', '--name', 'a b'], 'cannot be used for a folder'],
      [['--no-such-option'], 'no-such-option'],
    ] as const) {
      const { code, error } = await create(...args);
      expect(code, args.join(' ')).toBe(2);
      expect(error).toContain(about);
    }
    const json = await create('--json');
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'E_USAGE' } });
    expect(await readdir(cwd)).toEqual([]);
  });

  it('answers help and version', async () => {
    expect((await create('--help')).out).toContain('--plugin <kind>');
    expect((await create('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
