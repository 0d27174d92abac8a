import { describe, expect, it } from 'vitest';
import { featuresIn, halfProducts, machineFeatures } from './optional-arithmetic.js';
import { optionsSchema } from './options.js';

const processors = (line: string): string => `processor\t: 0\nmodel name\t: some\n${line}\nbugs\t\t: bf16\n\nprocessor\t: 1\n${line}\n`;

describe('whether products in bf16 are worth it', () => {
  it.each<[string, string, 'native' | 'emulated']>([
    ['AVX512-BF16', 'flags\t\t: fpu avx512f avx512_bf16 avx512_vnni', 'native'],
    ['AMX', 'flags\t\t: fpu amx_bf16 amx_tile amx_int8', 'native'],
    ['Arm', 'Features\t: fp asimd i8mm bf16', 'native'],
    ['AVX-512 alone', 'flags\t\t: fpu avx512f avx512_vnni', 'emulated'],
    ['Arm without it', 'Features\t: fp asimd', 'emulated'],
  ])('is read off the features of the processor: %s', (_, line, support) => {
    const { support: found, detail, options } = halfProducts(featuresIn(processors(line)));
    expect(found).toBe(support);
    expect(detail).toContain(support === 'native' ? 'bf16' : 'slower');
    expect(optionsSchema.parse(options)).toMatchObject({ multiply: 'bf16' });
  });

  it('is left open where nothing tells', () => {
    expect(featuresIn('')).toBeUndefined();
    expect(halfProducts(undefined).support).toBe('unknown');
    expect(halfProducts('gpu')).toMatchObject({ support: 'unknown', detail: expect.stringContaining('Ampere') });
  });

  it.runIf(process.platform === 'linux')('is known on this machine', async () => {
    expect(halfProducts(await machineFeatures()).support).toMatch(/^(native|emulated)$/);
  });
});
