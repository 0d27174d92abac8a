import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blockOutput, definePlugin, isNlaError, NlaError, SPEC_VERSION } from './index.js';

const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) } };

describe('core', () => {
  it('declares no runtime dependency', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Record<string, unknown>;
    expect(manifest['dependencies']).toBeUndefined();
  });

  it('recognises an error made by another copy of itself', () => {
    const foreign = Object.assign(new Error('x'), { code: 'E_X' });
    Object.defineProperty(foreign, Symbol.for('nlakit.error'), { value: true });
    expect(isNlaError(foreign)).toBe(true);
    expect(isNlaError(new NlaError('E_Y', { message: 'y' }))).toBe(true);
    expect(isNlaError(new Error('z'))).toBe(false);
    expect(isNlaError(null)).toBe(false);
  });

  it('says place, finding, expectation and remedy', () => {
    const error = new NlaError('E_CONFIG', {
      message: 'Bad.',
      file: 'a.yaml',
      line: 3,
      column: 7,
      found: '1',
      expected: '2',
      fix: 'Write 2.',
    });
    expect(error.message).toBe('a.yaml:3:7: Bad.\n  found:    1\n  expected: 2\n  to do:    Write 2.');
  });

  it('freezes a plugin and stamps the specification version', () => {
    const plugin = definePlugin({
      kind: 'injector',
      name: 'x',
      version: '1.0.0',
      optionsSchema: schema,
      create: () => {
        throw new Error('unused');
      },
    });
    expect(plugin.specVersion).toBe(SPEC_VERSION);
    expect(Object.isFrozen(plugin)).toBe(true);
    expect(() =>
      definePlugin({
        kind: 'injector',
        name: '',
        version: '1',
        optionsSchema: schema,
        create: () => {
          throw new Error('unused');
        },
      }),
    ).toThrow(/needs a name/);
  });

  it('names block outputs as interpretability tools do', () => {
    expect(blockOutput(23)).toBe('blocks.23.hook_out');
  });
});
