import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isNlaError } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { contractOf, datasetSidecarPath, parseScale, parseSidecar, readSidecar } from './index.js';

function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./__fixtures__/${name}.yaml`, import.meta.url));
}
function fixture(name: string): string {
  return readFileSync(fixturePath(name), 'utf8');
}
function failure(text: string) {
  try {
    parseSidecar(text, 'x/nla_meta.yaml');
  } catch (error) {
    if (isNlaError(error)) return { code: error.code, ...error.details };
    throw error;
  }
  return undefined;
}

describe('dialects', () => {
  it('kitft dataset', async () => {
    const sidecar = await readSidecar(fixturePath('kitft-dataset'));
    expect(sidecar).toMatchObject({
      kind: 'nla_dataset',
      dialect: 'kitft',
      stage: 'ar_sft',
      rowCount: 248988,
      dModel: 3584,
      layer: 20,
      norm: 'none',
      corpusSlice: { start: 0, length: 100000 },
      tokens: { injectionChar: '㈎', criticSuffixIds: [1318, 29, 366, 1708, 29] },
      injectionScale: null,
      createdAt: '2026-03-13T00:00:00+00:00',
    });
    expect(sidecar.mseScale).toBeCloseTo(Math.sqrt(3584), 12);
    expect(contractOf(sidecar).templates).toEqual({
      av: 'Look: <concept>{injection_char}</concept>',
      ar: 'Summary: <text>{explanation}</text> <summary>',
      avChat: true,
    });
  });

  it('kitft release', () => {
    const sidecar = parseSidecar(fixture('kitft-release'), 'f');
    expect(sidecar).toMatchObject({
      dialect: 'kitft-release',
      role: 'av',
      layer: 20,
      injectionScale: 150,
      mseScale: 59.87,
      schemaVersion: 2,
    });
  });

  it('kitft training spelling', () => {
    expect(parseSidecar(fixture('kitft-critic'), 'f')).toMatchObject({ dialect: 'kitft', role: 'ar', layer: 20, injectionScale: null });
  });

  it('kitft schema version 1 and a scale written as text', () => {
    const sidecar = parseSidecar(fixture('kitft-v1'), 'f');
    expect(sidecar).toMatchObject({ role: 'ar', layer: 32, injectionScale: 80000, schemaVersion: 1 });
    expect(sidecar.mseScale).toBeCloseTo(Math.sqrt(3840), 12);
  });

  it('solshine, with what it leaves out given beside it', () => {
    const sidecar = parseSidecar(fixture('solshine'), 'f');
    expect(sidecar).toMatchObject({
      dialect: 'solshine',
      role: 'av',
      dModel: 1536,
      layer: 23,
      step: 200,
      adapter: { r: 64, alpha: 128 },
      schemaVersion: null,
    });
    expect(sidecar.injectionScale).toBeCloseTo(39.1918, 4);
    expect((sidecar as { extensions: object }).extensions).toMatchObject({ version: 'v0.1.x_cheap_path_step_000200_FINAL' });
    expect(() => contractOf(sidecar)).toThrow(/injection character, the AV template, the AR template/);
    const contract = contractOf(sidecar, {
      injectionChar: '㊗',
      avTemplate: '<concept>{injection_char}</concept>',
      arTemplate: '{explanation}',
    });
    expect(contract).toMatchObject({ layer: 23, templates: { avChat: false }, tokens: { injectionTokenId: 249568 } });
  });

  it('solshine at 20000: the number is kept, not judged', () => {
    expect(parseSidecar(fixture('solshine-inj20k'), 'f').injectionScale).toBe(20000);
  });
});

describe('errors name the place', () => {
  it.each([
    ['broken YAML', 'kind: [nla_model\nrole: av\n', 'E_SIDECAR_SYNTAX', undefined],
    ['a repeated key', 'kind: nla_model\nkind: nla_model\n', 'E_SIDECAR_SYNTAX', 2],
    ['a list', '- 1\n', 'E_SIDECAR_SYNTAX', 1],
    ['an unknown kind', '\nkind: nla_thing\n', 'E_SIDECAR_KIND', 2],
    ['no kind', 'role: av\n', 'E_SIDECAR_MISSING', 1],
  ])('%s', (_, text, code, line) => {
    const error = failure(text);
    expect(error).toMatchObject({ code, file: 'x/nla_meta.yaml', kind: 'input' });
    if (line !== undefined) expect(error?.line).toBe(line);
    expect(error?.column).toBeGreaterThanOrEqual(1);
  });

  it.each([
    ['d_model: 3584', 'd_model: "3584"', 'E_SIDECAR_VALUE', 6],
    ['d_model: 3584', 'd_model: 0', 'E_SIDECAR_VALUE', 6],
    ['role: av', 'role: judge', 'E_SIDECAR_VALUE', 3],
    ['injection_scale: 150.0', 'injection_scale: sqrt', 'E_SIDECAR_SCALE', 7],
    ['injection_scale: 150.0', 'injection_scale: -1', 'E_SIDECAR_SCALE', 7],
    ['injection_scale: 150.0', 'injection_scale: .inf', 'E_SIDECAR_VALUE', 7],
    ['injection_token_id: 149705, ', '', 'E_SIDECAR_MISSING', 8],
    ['<concept>{injection_char}</concept>', '<concept></concept>', 'E_SIDECAR_TEMPLATE', 9],
    ['<concept>{injection_char}</concept>', '{injection_char}{injection_char}', 'E_SIDECAR_TEMPLATE', 9],
    ['schema_version: 2', 'schema_version: 3', 'E_SIDECAR_VERSION', 2],
    ['lr: 1.0e-05', 'lr: .nan', 'E_SIDECAR_VALUE', 14],
  ])('%s -> %s', (from, to, code, line) => {
    const text = fixture('kitft-release');
    expect(text).toContain(from);
    expect(failure(text.replace(from, to))).toMatchObject({ code, line });
  });

  it('a file that is not there', async () => {
    await expect(readSidecar('/nowhere/nla_meta.yaml')).rejects.toMatchObject({ code: 'E_SIDECAR_READ' });
  });
});

describe('scale grammar', () => {
  it.each([
    [null, null],
    ['raw', null],
    ['none', null],
    ['sqrt_d_model', 8],
    [150, 150],
    ['150.5', 150.5],
    ['8e4', 80000],
  ])('%s is %s', (value, scale) => {
    expect(parseScale(value, 64)).toBe(scale);
  });

  it.each([undefined, true, '', ' ', 'sqrt', '0x10', 'Infinity', NaN, Infinity, 0, -3, [1], {}])('%s is refused', (value) => {
    expect(() => parseScale(value, 64)).toThrow(/not a scale/);
  });
});

it('names the sidecar of a data file', () => {
  expect(datasetSidecarPath('a/av_sft.parquet')).toBe('a/av_sft.parquet.nla_meta.yaml');
  expect(datasetSidecarPath('a/av_sft.parquet@[0:100]')).toBe('a/av_sft.parquet.nla_meta.yaml');
});
