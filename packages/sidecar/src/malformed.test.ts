import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNlaError } from '@nlakit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSidecarWithNotes, readSidecar, upgradeSidecar } from './index.js';

const names = ['kitft-dataset', 'kitft-release', 'kitft-critic', 'kitft-v1', 'solshine', 'solshine-norms-cumstep'];
const texts = names.map((name) => readFileSync(new URL(`./__fixtures__/${name}.yaml`, import.meta.url), 'utf8'));
const release = texts[1] ?? '';

/** Reads, notes and writes again; the code of the `NlaError` if there is one. Anything else is thrown on. */
function codeOf(text: string): string | undefined {
  try {
    upgradeSidecar(parseSidecarWithNotes(text, 'x/nla_meta.yaml').sidecar);
    return undefined;
  } catch (error) {
    if (isNlaError(error)) return error.code;
    throw error;
  }
}

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

describe('malicious and broken YAML is an error with a code', () => {
  it.each<[string, string, string | undefined]>([
    ['brackets that never close', `a: ${'['.repeat(500_000)}`, 'E_SIDECAR_SYNTAX'],
    ['brackets, thousands deep', `a: ${'[{b: '.repeat(5_000)}1${'}]'.repeat(5_000)}`, 'E_SIDECAR_SYNTAX'],
    ['dashes, thousands deep', `a:\n  ${'- '.repeat(5_000)}1`, 'E_SIDECAR_SYNTAX'],
    ['question marks, thousands deep', `${'? '.repeat(5_000)}1`, 'E_SIDECAR_SYNTAX'],
    ['indentation, hundreds deep', lines(900, (index) => `${' '.repeat(index)}a:`), 'E_SIDECAR_SYNTAX'],
    ['a repeated key', `${release}\nrole: ar\n`, 'E_SIDECAR_SYNTAX'],
    ['a repeated key below', release.replace('role: av', 'role: av\nmetrics: {a: 1, a: 2}'), 'E_SIDECAR_SYNTAX'],
    ['tabs', release.replace('role: av', '\trole: av'), 'E_SIDECAR_SYNTAX'],
    ['two documents', `${release}\n---\n${release}`, 'E_SIDECAR_SYNTAX'],
    ['an alias to nothing', release.replace('role: av', 'role: av\nmetrics: *nothing'), 'E_SIDECAR_SYNTAX'],
    ['nothing', '', 'E_SIDECAR_SYNTAX'],
    ['a NUL', '\0', 'E_SIDECAR_SYNTAX'],
    ['a text', 'nla_model', 'E_SIDECAR_SYNTAX'],
    ['an unknown kind', release.replace('nla_model', 'nla_thing'), 'E_SIDECAR_KIND'],
    ['a kind that is a list', release.replace('nla_model', '[nla_model]'), 'E_SIDECAR_VALUE'],
    ['tokens that are a text', 'kind: nla_model\nrole: av\nbase_checkpoint: m\nd_model: 8\ntokens: none\n', 'E_SIDECAR_VALUE'],
    ['text for a number', release.replace('d_model: 3584', 'd_model: wide'), 'E_SIDECAR_VALUE'],
    ['more than a number can hold', release.replace('d_model: 3584', 'd_model: 1e400'), 'E_SIDECAR_VALUE'],
    ['a map for a text', release.replace('role: av', 'role: {av: 1}'), 'E_SIDECAR_VALUE'],
    ['a tag of another language', release.replace('role: av', 'role: !!python/object:os.system av'), undefined],
    ['megabytes', `a: ${'x'.repeat(3_000_000)}`, 'E_SIDECAR_SYNTAX'],
    ['a key that is a prototype', release.replace('role: av', 'role: av\nmetrics: {__proto__: {a: 1}, constructor: 2}'), undefined],
    ['keys that are lists', release.replace('role: av', 'role: av\nmetrics: {[1, 2]: 3}'), undefined],
  ])('%s', (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('a bomb of aliases', () => {
    const bomb = lines(30, (index) => `l${index}: &l${index} [${index === 0 ? '1' : `${`*l${index - 1},`.repeat(10)}`}]`);
    expect(codeOf(`${release}\n${bomb}\n`)).toMatch(/^E_SIDECAR_/);
    const small = lines(9, (index) => `l${index}: &l${index} [${index === 0 ? '1' : `${`*l${index - 1},`.repeat(10)}`}]`);
    expect(codeOf(`${release}\n${small}\n`)).toBe('E_SIDECAR_VALUE');
    expect(codeOf(release.replace('role: av', 'role: av\nmetrics: &m {again: *m}'))).toMatch(/^E_SIDECAR_/);
  });

  it('thousands of keys are read, tens of thousands refused before they cost time', () => {
    expect(codeOf(`${release}\n${lines(1000, (index) => `k${index}: 1`)}`)).toBeUndefined();
    expect(codeOf(`${release}\n${lines(20_000, (index) => `k${index}: 1`)}`)).toBe('E_SIDECAR_SYNTAX');
    expect(codeOf(`${release}\na: &x 1\n${lines(1000, (index) => `k${index}: *x`)}`)).toBe('E_SIDECAR_SYNTAX');
  });

  it('an alias that PyYAML writes for a list that stands twice is that list', () => {
    const text = release
      .replace(/trained_on: .*/, 'trained_on: &id001 [a, b]')
      .replace(/parent_checkpoints: .*/, 'parent_checkpoints: *id001');
    expect(text).toContain('*id001');
    expect(parseSidecarWithNotes(text, 'f').sidecar).toMatchObject({ trainedOn: ['a', 'b'], parentCheckpoints: ['a', 'b'] });
  });

  it('files that are no text, and files of gigabytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nlakit-sidecar-'));
    try {
      const file = join(folder, 'nla_meta.yaml');
      for (const bytes of [Buffer.from(release, 'utf16le'), Buffer.from([0x6b, 0x3a, 0xc3, 0x28]), Buffer.from([0xff, 0xfe, 0x6b, 0])]) {
        await writeFile(file, bytes);
        await expect(readSidecar(file)).rejects.toMatchObject({ code: 'E_SIDECAR_SYNTAX' });
      }
      await writeFile(file, `\uFEFF${release.replaceAll('\n', '\r\n')}`);
      expect(await readSidecar(file)).toMatchObject({ dModel: 3584 });
      const huge = await open(file, 'w');
      await huge.truncate(3 * 2 ** 30);
      await huge.close();
      await expect(readSidecar(file)).rejects.toThrow(/too long/);
      await expect(readSidecar(folder)).rejects.toMatchObject({ code: 'E_SIDECAR_READ' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('fuzzed', () => {
  const fragment = fc.oneof(
    fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ': ',
      '- ',
      '? ',
      '&a ',
      '*a',
      '!!',
      '!',
      '|',
      '>',
      '#',
      '"',
      "'",
      '\t',
      '\n',
      '  ',
      '---\n',
      '...',
      '%',
      '@',
      '`',
      '<<: *a',
      '.nan',
      '-.inf',
      '0x',
      '1e999',
      'null',
      '~',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );

  it('any change to a good file is read or refused, never anything else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), fragment), { minLength: 1, maxLength: 6 }),
        (text, edits) => {
          let changed = text;
          for (const [place, removed, inserted] of edits) {
            const at = Math.floor(place * changed.length);
            changed = changed.slice(0, at) + inserted + changed.slice(at + removed);
          }
          expect(codeOf(changed) ?? 'E_SIDECAR_').toMatch(/^E_SIDECAR_/);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('any text at all', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 40 }), (parts) => {
        expect(codeOf(parts.join(''))).toMatch(/^E_SIDECAR_/);
      }),
      { numRuns: 300 },
    );
  });

  it('any value in any place', () => {
    const value = fc.oneof(
      fc.constantFrom('null', '[]', '{}', '1', '-1', '1.5', 'true', '"text"', '[1]', '{a: 1}', '.inf', '""', '99999999999999999999'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(200), value, (text, place, replacement) => {
        const rows = text.split('\n');
        const at = place % rows.length;
        rows[at] = (rows[at] ?? '').replace(/: .*$/, `: ${replacement}`);
        expect(codeOf(rows.join('\n')) ?? 'E_SIDECAR_').toMatch(/^E_SIDECAR_/);
      }),
      { numRuns: 200 },
    );
  });
});
