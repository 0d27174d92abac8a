import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig, parseOverride, resolveRun } from './index.js';
import { fakeConfig, fakeHost } from './test-support/fake-plugins.js';

async function configFile(text: string, name = 'nla.config.yaml'): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'nla-config-')), name);
  await writeFile(file, text);
  return file;
}

async function firstIssue(text: string, overrides: readonly string[] = []) {
  const file = await configFile(text);
  const check = await checkConfig(file, fakeHost(), overrides.map(parseOverride));
  if (check.ok) throw new Error('The config passes.');
  return { ...check.issues[0]!, count: check.issues.length };
}

describe('resolveRun', () => {
  it('resolves plugins, fills in defaults and gives a frozen, hashed run', async () => {
    const file = await configFile(fakeConfig);
    const { resolved } = await resolveRun(file, fakeHost());
    expect(resolved.backend).toMatchObject({ use: '@fake/backend', name: '@fake/backend', version: '1.0.0' });
    expect(resolved.trainers.ar?.options).toEqual({ steps: 3, saveEvery: 2 });
    expect(resolved.trainers.ar?.given).toEqual({ steps: 3 });
    expect(resolved.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.isFrozen(resolved.trainers.av?.options)).toBe(true);
    // A default written out is the same run; another value is another one; where it is published is not part of it.
    const spelled = fakeConfig.replace('options: { steps: 3 }', 'options: { saveEvery: 2, steps: 3 }');
    expect((await resolveRun(await configFile(spelled), fakeHost())).resolved.hash).toBe(resolved.hash);
    const unpublished = fakeConfig.replace(/publisher:.*\n/, '');
    expect((await resolveRun(await configFile(unpublished), fakeHost())).resolved.hash).toBe(resolved.hash);
    const seeded = fakeConfig.replace('seed: 7', 'seed: 8');
    expect((await resolveRun(await configFile(seeded), fakeHost())).resolved.hash).not.toBe(resolved.hash);
  });

  it('takes overrides, also by evaluator id, and records them', async () => {
    const file = await configFile(fakeConfig);
    const overrides = ['trainers.av.options.steps=9', 'evaluators.h5.options.rows=4', 'evaluators.0.options.at=[2, 4]'].map(parseOverride);
    const { resolved } = await resolveRun(file, fakeHost(), overrides);
    expect(resolved.trainers.av?.options).toEqual({ steps: 9, saveEvery: 2 });
    expect(resolved.evaluators[0]?.options).toEqual({ rows: 4, at: [2, 4] });
    expect(resolved.overrides).toContainEqual({ path: 'trainers.av.options.steps', value: 9 });
  });

  it('reads a TypeScript config', async () => {
    const file = await configFile(
      `const config: { name: string } & Record<string, unknown> = { schema: 1, name: 'typed', model: { use: '@fake/model', options: { source: 'x' } },
         injector: { use: '@fake/injector' } };
       export default config;`,
      'nla.config.ts',
    );
    expect((await resolveRun(file, fakeHost())).resolved).toMatchObject({ name: 'typed', seed: 0, evaluators: [] });
  });

  it('loads a plugin from a file beside the config', async () => {
    const file = await configFile(fakeConfig.replace('"@fake/injector"', './mine.ts#mine'));
    await writeFile(
      join(file, '../mine.ts'),
      `export const mine = { specVersion: 'v1', kind: 'injector' as string, name: 'mine', version: '0.1.0',
        optionsSchema: { '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }) } }, create() { return {}; } };`,
    );
    expect((await resolveRun(file, fakeHost())).resolved.injector).toMatchObject({ name: 'mine', version: '0.1.0' });
  });
});

describe('checkConfig', () => {
  it('names line and column of broken YAML', async () => {
    expect(await firstIssue('schema: 1\nname: "x\n')).toMatchObject({ code: 'E_CONFIG', line: 3 });
    expect(await firstIssue('a: 1\na: 2\n')).toMatchObject({ code: 'E_CONFIG', line: 2, column: 1 });
  });

  it('refuses unknown keys with a suggestion, at the key', async () => {
    const issue = await firstIssue(fakeConfig.replace('trainers:', 'trianers:'));
    expect(issue).toMatchObject({ code: 'E_CONFIG', path: 'trianers', line: 8, column: 1 });
    expect(issue.error.message).toMatch(/Did you mean "trainers"/);
    const inner = await firstIssue(fakeConfig.replace('model: { use:', 'model: { usee: 1, use:'));
    expect(inner).toMatchObject({ code: 'E_CONFIG', path: 'model.usee', line: 5, column: 10 });
  });

  it('places missing and wrong values', async () => {
    expect(await firstIssue(fakeConfig.replace('schema: 1', 'schema: 2'))).toMatchObject({ path: 'schema', line: 1, column: 9 });
    expect(await firstIssue(fakeConfig.replace('name: fake-run', 'name: ../x'))).toMatchObject({ path: 'name', line: 2, column: 7 });
    expect((await firstIssue('schema: 1\nname: x\n')).message).toMatch(/"model" is missing/);
  });

  it('places a wrong option at its value and an unknown option at its key', async () => {
    expect(await firstIssue(fakeConfig.replace('steps: 5', 'steps: many'))).toMatchObject({
      code: 'E_OPTION',
      path: 'trainers.av.options.steps',
      line: 13,
      column: 14,
    });
    expect(await firstIssue(fakeConfig.replace('saveEvery: 2', 'saveEach: 2'))).toMatchObject({
      code: 'E_OPTION',
      path: 'trainers.av.options.saveEach',
      line: 14,
      column: 7,
    });
    const override = await firstIssue(fakeConfig, ['trainers.av.options.steps=0']);
    expect(override).toMatchObject({ code: 'E_OPTION', file: '--set trainers.av.options.steps' });
    expect(override.line).toBeUndefined();
  });

  it('collects all issues', async () => {
    expect((await firstIssue(fakeConfig.replace('steps: 5', 'steps: many').replace('rows: 3', 'rows: x'))).count).toBe(2);
  });

  it('says what was tried for an unknown plugin', async () => {
    const issue = await firstIssue(fakeConfig.replace('"@fake/evaluator"', '"@fake/evaluatr"'));
    expect(issue).toMatchObject({ code: 'E_PLUGIN_UNKNOWN', path: 'evaluators.0.use', line: 16, column: 20 });
    expect(issue.error.message).toMatch(/tried the package "@fake\/evaluatr" from .*, and the plugins that come with nlakit/);
    expect(issue.error.message).toMatch(/Did you mean "@fake\/evaluator"/);
    const file = await firstIssue(fakeConfig.replace('"@fake/evaluator"', './none.ts'));
    expect(file.error.message).toMatch(/tried the file \.\/none\.ts/);
  });

  it('refuses what is no plugin, of the wrong kind, of another specification, or without what it needs', async () => {
    const withModel = (use: string): string => fakeConfig.replace('"@fake/model"', `"${use}"`);
    expect((await firstIssue(withModel('@fake/empty'))).code).toBe('E_PLUGIN_INVALID');
    expect((await firstIssue(withModel('@fake/injector'))).code).toBe('E_PLUGIN_KIND');
    const old = await firstIssue(withModel('@fake/old'));
    expect(old.code).toBe('E_PLUGIN_SPEC_VERSION');
    expect(old.error.message).toMatch(/"v0"[\s\S]*"v1"/);
    const needy = await firstIssue(withModel('@fake/quantized'));
    expect(needy.code).toBe('E_PLUGIN_NEEDS');
    expect(needy.error.message).toMatch(/no quantizer/);
  });

  it('says so when a file is missing or an override makes no sense', async () => {
    const check = await checkConfig('/nowhere/nla.config.yaml', fakeHost());
    expect(check.issues[0]).toMatchObject({ code: 'E_CONFIG', file: '/nowhere/nla.config.yaml' });
    expect(check.issues[0]?.error.message).toContain('no such file');
    expect((await firstIssue('')).error.message).toMatch(/mapping of slots[\s\S]*nla init/);
    expect(() => parseOverride('nothing')).toThrow(/path=value/);
    expect((await firstIssue(fakeConfig, ['name.x.y=1'])).code).toBe('E_CONFIG');
    expect((await firstIssue(fakeConfig, ['evaluators.none.options=1'])).error.message).toMatch(/one of h5/);
  });
});
