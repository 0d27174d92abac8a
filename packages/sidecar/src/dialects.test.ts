import { readFileSync } from 'node:fs';
import { isNlaError } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import {
  applyPreset,
  contractOf,
  findPreset,
  parseSidecar,
  parseSidecarWithNotes,
  presetsOf,
  releasePresets,
  templateSha256,
  upgradeSidecar,
} from './index.js';
import type { ReleasePreset, Sidecar } from './index.js';

function fixture(name: string): string {
  return readFileSync(new URL(`./__fixtures__/${name}.yaml`, import.meta.url), 'utf8');
}
const solshine = ['solshine', 'solshine-r80', 'solshine-inj20k', 'solshine-norms-cumstep', 'solshine-short-hybrid'];
const kitft = ['kitft-dataset', 'kitft-release', 'kitft-critic', 'kitft-v1'];
const templates = { av: 'a <concept>{injection_char}</concept>', ar: 'x {explanation} y' };

/** A release as the presets describe them, with templates of ours. */
const preset: ReleasePreset = {
  ...findPreset('solshine-gemma-4-e2b'),
  name: 'ours',
  templateSha256: { av: templateSha256(templates.av), ar: templateSha256(templates.ar) },
};

describe('all variants of the seed', () => {
  it.each([
    ['solshine', Math.sqrt(1536), 200, { r: 64, alpha: 128 }],
    // Only YAML 1.1 knows underscores in numbers: the text is kept.
    ['solshine-r80', Math.sqrt(1536), 150, { r: 80, trainable_params_approx: '120_000_000' }],
    ['solshine-inj20k', 20000, 200, {}],
    ['solshine-norms-cumstep', 20000, 200, { alpha: 160 }],
    ['solshine-short-hybrid', 20000, 100, { modules_to_save: ['q_norm', 'k_norm'] }],
  ])('%s', (name, injectionScale, step, adapter) => {
    const sidecar = parseSidecar(fixture(name), 'f');
    expect(sidecar).toMatchObject({
      dialect: 'solshine',
      role: 'av',
      dModel: 1536,
      layer: 23,
      injectionScale,
      mseScale: Math.sqrt(1536),
      adapter,
      step,
      tokens: { injectionTokenId: 249568, leftNeighborId: 236813, rightNeighborId: 954 },
    });
    expect(contractOf(applyPreset(sidecar, preset, templates))).toMatchObject({
      layer: 23,
      injectionScale,
      tokens: { injectionChar: '㊗' },
      templates: { ...templates, avChat: false },
    });
  });
});

describe('notes', () => {
  const notesOf = (text: string) => Object.fromEntries(parseSidecarWithNotes(text, 'f').notes.map(({ field, state }) => [field, state]));

  it('say of the seed what is missing, respelled and assumed', () => {
    const { notes } = parseSidecarWithNotes(fixture('solshine'), 'f');
    expect(Object.fromEntries(notes.map(({ field, state }) => [field, state]))).toMatchObject({
      schema_version: 'assumed',
      role: 'respelled',
      base_checkpoint: 'respelled',
      d_model: 'respelled',
      extraction_layer_index: 'respelled',
      'extraction.injection_scale': 'respelled',
      'extraction.ple_mode': 'assumed',
      'tokens.injection_char': 'missing',
      'prompt_templates.av': 'missing',
      'prompt_templates.ar': 'missing',
      'prompt_format.av_chat': 'assumed',
      adapter: 'respelled',
      step: 'respelled',
      content_hash: 'unverifiable',
      version: 'kept',
      provenance_notes: 'kept',
    });
    expect(notes.find(({ field }) => field === 'prompt_templates.av')?.note).toContain('solshine-gemma-4-e2b');
  });

  it('say of kitft what its readers take for granted', () => {
    expect(notesOf(fixture('kitft-critic'))).toMatchObject({ role: 'respelled', extraction_layer_index: 'respelled' });
    expect(notesOf(fixture('kitft-release'))).not.toHaveProperty('role');
    expect(notesOf(fixture('kitft-dataset'))).toMatchObject({ 'injection.scale': 'assumed', 'prompt_format.av_chat': 'assumed' });
    expect(notesOf(fixture('kitft-release').replace('injection_scale: 150.0, ', ''))).toMatchObject({
      'extraction.injection_scale': 'missing',
    });
    expect(notesOf(fixture('kitft-v1'))).toMatchObject({ extraction_layer_index: 'respelled' });
  });

  it('are none for what is written here', () => {
    for (const name of [...solshine, ...kitft]) {
      const upgraded = upgradeSidecar(parseSidecar(fixture(name), 'f'));
      const states = parseSidecarWithNotes(upgraded, 'f').notes.filter(({ state }) => !['missing', 'unverifiable'].includes(state));
      expect(states).toEqual([]);
    }
  });
});

describe('upgrading', () => {
  it.each([...solshine, ...kitft])('%s says the same afterwards, in the one schema', (name) => {
    const before = parseSidecar(fixture(name), 'f');
    const after = parseSidecar(upgradeSidecar(before), 'f');
    const same = ({ extensions: _, dialect: __, schemaVersion: ___, createdBy: ____, ...rest }: Sidecar) =>
      JSON.parse(JSON.stringify(rest)) as unknown;
    expect(same(after)).toEqual(same(before));
    expect(after).toMatchObject({ dialect: 'nlakit', schemaVersion: before.kind === 'nla_model' ? 2 : 1 });
    expect(Object.values(after.extensions)).toEqual(Object.values(before.extensions));
  });

  it('with a preset and the templates gives a sidecar that can be used', () => {
    const upgraded = upgradeSidecar(applyPreset(parseSidecar(fixture('solshine'), 'f'), preset, templates));
    expect(contractOf(parseSidecar(upgraded, 'f'))).toMatchObject({ injectionScale: Math.sqrt(1536), templates });
  });
});

describe('presets', () => {
  const codeOf = (run: () => unknown): string | undefined => {
    try {
      run();
    } catch (error) {
      if (isNlaError(error)) return `${error.code} ${error.message}`;
      throw error;
    }
    return undefined;
  };

  it('are found by width, layer and marker', () => {
    expect(presetsOf(parseSidecar(fixture('solshine'), 'f')).map(({ name }) => name)).toEqual(['solshine-gemma-4-e2b']);
    expect(presetsOf(parseSidecar(fixture('kitft-release'), 'f')).map(({ name }) => name)).toEqual(['kitft-qwen2.5-7b']);
    expect(new Set(releasePresets.map(({ name }) => name)).size).toBe(5);
    expect(codeOf(() => findPreset('qwen'))).toMatch(/E_PRESET_UNKNOWN[\s\S]*kitft-qwen2\.5-7b/);
  });

  it('hold the facts that were published, each marker in the range that is scanned', () => {
    for (const { dModel, layer, tokens, templateSha256: hashes } of releasePresets) {
      expect(tokens.injectionChar.codePointAt(0)).toBeGreaterThanOrEqual(0x3200);
      expect(tokens.injectionChar.codePointAt(0)).toBeLessThanOrEqual(0x33ff);
      expect([hashes.av, hashes.ar]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
      expect(dModel % 128).toBe(0);
      expect(layer).toBeGreaterThan(0);
    }
  });

  it('refuse another release, and texts with another hash', () => {
    const sidecar = parseSidecar(fixture('solshine'), 'f');
    expect(codeOf(() => applyPreset(sidecar, findPreset('kitft-qwen2.5-7b')))).toMatch(/E_PRESET_MISMATCH[\s\S]*width 1536, not 3584/);
    const tokens = { ...sidecar.tokens, leftNeighborId: 954 } as Sidecar['tokens'];
    expect(codeOf(() => applyPreset({ ...sidecar, tokens } as Sidecar, preset))).toMatch(/left_neighbor_id 954, not 236813/);
    expect(codeOf(() => applyPreset(sidecar, preset, { av: `${templates.av}\n` }))).toMatch(/E_PRESET_TEMPLATE/);
    expect(codeOf(() => applyPreset(sidecar, preset, { ar: 'no slot' }))).toMatch(/E_SIDECAR_TEMPLATE/);
    expect(applyPreset(sidecar, preset).templates).toMatchObject({ av: null, ar: null });
  });

  it('are named by the error about what is missing', () => {
    expect(codeOf(() => contractOf(parseSidecar(fixture('solshine'), 'f')))).toMatch(/E_SIDECAR_INCOMPLETE[\s\S]*solshine-gemma-4-e2b/);
  });
});

it('AR prompts without special tokens are refused: nlakit builds them with', () => {
  const text = upgradeSidecar(parseSidecar(fixture('kitft-release'), 'f'));
  expect(text).toContain('ar_add_special_tokens: true');
  expect(() => parseSidecar(text.replace('ar_add_special_tokens: true', 'ar_add_special_tokens: false'), 'f')).toThrow(
    expect.objectContaining({ code: 'E_SIDECAR_SPECIALS' }),
  );
});
