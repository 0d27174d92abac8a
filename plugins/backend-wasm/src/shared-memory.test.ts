import { describe, expect, it } from 'vitest';
import { plainKernels } from './generated/kernels.js';
import { withSharedMemory } from './shared-memory.js';
import { webAssembly } from './web-assembly.js';

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, body: readonly number[]): number[] => [id, body.length, ...body];
const moduleOf = (...sections: readonly number[][]): Uint8Array => Uint8Array.from([...header, ...sections.flat()]);

const type = section(1, [1, 0x60, 0, 0]);
const functionImport = [...text('e'), ...text('f'), 0, 0];
const tableImport = [...text('e'), ...text('t'), 1, 0x70, 1, 1, 2];
const globalImport = [...text('e'), ...text('g'), 3, 0x7f, 0];
const memoryImport = (limits: readonly number[]): number[] => [...text('e'), ...text('m'), 2, ...limits];

describe('withSharedMemory', () => {
  it('shares an imported memory, whatever is imported before it, and changes nothing else', () => {
    const original = moduleOf(type, section(2, [4, ...functionImport, ...tableImport, ...globalImport, ...memoryImport([1, 0, 2])]));
    const changed = withSharedMemory(original);
    expect(webAssembly.validate(changed)).toBe(true);
    expect([...changed].filter((byte, index) => byte !== original[index])).toEqual([3]);
    expect(changed).toHaveLength(original.length);
  });

  it('shares a memory that a module defines', () => {
    const changed = withSharedMemory(moduleOf(type, section(2, [1, ...functionImport]), section(5, [1, 1, 0, 2])));
    expect(webAssembly.validate(changed)).toBe(true);
    expect(changed.at(-3)).toBe(3);
  });

  it('makes kernels that accept a shared memory only', () => {
    const bytes = Uint8Array.from(Buffer.from(plainKernels, 'base64'));
    const shared = new webAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    const own = new webAssembly.Memory({ initial: 1, maximum: 65536 });
    const start = (module: Uint8Array, memory: unknown) => () =>
      new webAssembly.Instance(new webAssembly.Module(module), { env: { memory } });
    expect(start(withSharedMemory(bytes), shared)).not.toThrow();
    expect(start(withSharedMemory(bytes), own)).toThrow(/shared/);
    expect(start(bytes, shared)).toThrow(/shared/);
  });

  it('refuses a module without memory, or with one that has no maximum', () => {
    expect(() => withSharedMemory(moduleOf(type))).toThrow(/no memory/);
    expect(() => withSharedMemory(moduleOf(section(2, [1, ...memoryImport([0, 1])])))).toThrow(/no maximum/);
  });
});
