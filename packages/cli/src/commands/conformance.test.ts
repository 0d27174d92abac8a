import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plugin as injector } from '@nlakit/injector-embedding';
import { plugin as directory } from '@nlakit/publisher-directory';
import type { RunHost } from '@nlakit/run';
import { beforeEach, describe, expect, it } from 'vitest';
import { runIn } from '../../test/support/run-in.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-cli-conformance-'));
});

const bundled: Readonly<Record<string, unknown>> = { '@nlakit/injector-embedding': injector, '@nlakit/publisher-directory': directory };
const host: RunHost = {
  bundled: (specifier) => (specifier in bundled ? Promise.resolve({ plugin: bundled[specifier] }) : Promise.reject(new Error(specifier))),
};

function nla(...args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  return runIn(folder, args, host);
}

/** An injector that accepts every scale, as a module of somebody else's. */
const careless = `
const issues = [{ message: 'takes no options' }];
export const plugin = {
  specVersion: 'v1', kind: 'injector', name: 'careless', version: '1.0.0',
  optionsSchema: { '~standard': { version: 1, vendor: 'own', validate: (value) => value && typeof value === 'object' && Object.keys(value).length === 0 ? { value } : { issues } } },
  create: () => ({ name: 'careless', perLayerIds: 'marker', scale: () => 1, locate: () => [], guard: () => ({ verdict: 'accepted', reasons: ['why not'] }), apply: () => [] }),
};
`;

describe('nla conformance', () => {
  it('says at which level a plugin holds, and writes the report that its package ships', async () => {
    const text = await nla('conformance', '@nlakit/injector-embedding', '--out', 'conformance.json');
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/@nlakit\/injector-embedding \S+ \(injector\): level 2; \d+ cases passed, 0 failed, 0 skipped\n$/);
    const report = JSON.parse(await readFile(join(folder, 'conformance.json'), 'utf8')) as object;
    expect(report).toMatchObject({ schema: 1, ok: true, level: 2, failed: 0, plugin: { kind: 'injector', specVersion: 'v1' } });
    const json = JSON.parse((await nla('conformance', '@nlakit/injector-embedding', '--json')).out) as object;
    expect(json).toMatchObject({ ok: true, suite: { name: '@nlakit/conformance' } });
  });

  it('fails for a plugin that keeps no promise, and says which', async () => {
    await writeFile(join(folder, 'careless.mjs'), careless);
    const { code, out } = await nla('conformance', './careless.mjs');
    expect(code).toBe(1);
    expect(out).toMatch(/failed {3}L1 injector: a miss is an error\n +A row without a marker must be refused\./);
    expect(out).toContain('careless 1.0.0 (injector): level 0');
  });

  it('takes options from a file, and what else the suite is to be told from a module', async () => {
    await writeFile(join(folder, 'options.yaml'), 'to: ./there\n');
    const bare = await nla('conformance', '@nlakit/publisher-directory', '--options', 'options.yaml', '--json');
    expect(JSON.parse(bare.out)).toMatchObject({ ok: true, level: 0, skipped: 2 });
    await writeFile(
      join(folder, 'fixtures.mjs'),
      `import { readFile } from 'node:fs/promises';
       export const fixtures = { published: (repository, path) => readFile(new URL('./again/' + repository + '/' + path, import.meta.url)).catch(() => undefined) };`,
    );
    await writeFile(join(folder, 'options.json'), '{ "to": "./again" }');
    const whole = await nla(
      'conformance',
      '@nlakit/publisher-directory',
      '--options',
      'options.json',
      '--fixtures',
      'fixtures.mjs',
      '--json',
    );
    expect(JSON.parse(whole.out)).toMatchObject({ ok: true, level: 2, skipped: 0 });
  });

  it('says what is wrong with what it is given', async () => {
    expect((await nla('conformance', './nowhere.mjs')).error).toContain('E_PLUGIN_UNKNOWN');
    await writeFile(join(folder, 'old.mjs'), careless.replace("'v1'", "'v0'"));
    const old = await nla('conformance', './old.mjs');
    expect(old.code).toBe(2);
    expect(old.error).toMatch(/E_PLUGIN_SPEC_VERSION[\s\S]*"v0"[\s\S]*"v1"/);
    await writeFile(join(folder, 'list.yaml'), '- to\n');
    expect((await nla('conformance', '@nlakit/injector-embedding', '--options', 'list.yaml')).code).toBe(2);
    expect((await nla('conformance', '@nlakit/injector-embedding', '--options', 'nowhere.yaml')).error).toContain('E_OPTION');
    expect((await nla('conformance', '@nlakit/injector-embedding', '--fixtures', 'nowhere.mjs')).error).toContain('E_PLUGIN_LOAD');
  });
});

describe('nla plugins', () => {
  it('shows the level that an installed package ships', async () => {
    const home = join(folder, 'node_modules', 'careless');
    await mkdir(home, { recursive: true });
    await writeFile(
      join(home, 'package.json'),
      JSON.stringify({
        name: 'careless',
        version: '1.0.0',
        type: 'module',
        exports: { '.': './index.js', './package.json': './package.json' },
      }),
    );
    await writeFile(join(home, 'index.js'), careless);
    expect((await nla('conformance', 'careless', '--out', 'node_modules/careless/conformance.json')).code).toBe(1);
    const { shippedConformance } = await import('../shipped-conformance.js');
    expect(await shippedConformance({ name: 'careless', version: '1.0.0' }, folder)).toEqual({ level: 0 });
    expect(await shippedConformance({ name: 'careless', version: '1.1.0' }, folder)).toEqual({ level: 0, version: '1.0.0' });
    expect(await shippedConformance({ name: 'not-there', version: '1.0.0' }, folder)).toBeUndefined();
  });
});
