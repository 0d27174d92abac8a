import { packingModule } from './generated/packing.js';

/** The functions of the packing module; addresses and counts as described in `assembly/pack.ts`. */
interface PackingExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  packF32(input: number, count: number, block: number, packed: number, absmax: number): number;
  widenBf16(input: number, count: number, output: number): void;
}

/** What is used of WebAssembly: TypeScript declares it in its DOM library only. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Values packed in one call: a multiple of every block size, few enough that a core's cache holds them with what becomes of them. */
export const chunkValues = 1 << 16;

// The module's memory (1 MiB): values, the same as bfloat16, packed bytes, one absmax per 32 values at most.
const valuesAt = 1024;
const halvesAt = valuesAt + 4 * chunkValues;
const packedAt = halvesAt + 2 * chunkValues;
const absmaxAt = packedAt + chunkValues / 2;

/** A place to put values, and what packing makes of them. The arrays are overwritten by every call. */
export interface PackingModule {
  /** Room for {@link chunkValues} values. */
  readonly values: Float32Array;
  /** Room for as many bfloat16 values. */
  readonly halves: Uint16Array;
  readonly packed: Uint8Array;
  readonly absmax: Float32Array;
  /** `values` = the first `count` of `halves`. */
  widen(count: number): void;
  /** Packs the first `count` of `values`. Returns the block that holds a NaN or an infinity, or -1. */
  pack(count: number, blockSize: number): number;
}

let instance: PackingModule | undefined;

/** The module, compiled when it is first asked for. It holds nothing between calls, so there is only one. */
export function packingModuleInstance(): PackingModule {
  if (instance !== undefined) return instance;
  const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyGlobal }).WebAssembly;
  const exports = new Instance(new Module(Uint8Array.from(Buffer.from(packingModule, 'base64')))).exports as PackingExports;
  const { buffer } = exports.memory;
  instance = {
    values: new Float32Array(buffer, valuesAt, chunkValues),
    halves: new Uint16Array(buffer, halvesAt, chunkValues),
    packed: new Uint8Array(buffer, packedAt, chunkValues / 2),
    absmax: new Float32Array(buffer, absmaxAt, chunkValues / 32),
    widen: (count) => exports.widenBf16(halvesAt, count, valuesAt),
    pack: (count, blockSize) => exports.packF32(valuesAt, count, blockSize, packedAt, absmaxAt),
  };
  return instance;
}
