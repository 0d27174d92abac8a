/** A WebAssembly memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}

/** The part of the WebAssembly interface used here. TypeScript declares it in its DOM library only, and this package runs in Node. */
interface WebAssemblyInterface {
  validate(bytes: Uint8Array): boolean;
  readonly Memory: new (size: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: Record<string, Record<string, unknown>>) => { readonly exports: unknown };
}

/** A compiled module, opaque. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string;
}

export const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
