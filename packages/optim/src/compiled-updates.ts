import type { CodeBook } from './dynamic-map.js';
import { updatesModule } from './generated/updates.js';
import { plainUpdates } from './plain-updates.js';
import type { StepFactors, UpdateKernels } from './update-kernels.js';

type Factors = [beta1: number, beta2: number, epsilon: number, keep: number, stepSize: number, correction2: number];

/** The functions of the module; addresses and counts as described in `assembly/updates.ts`. */
interface UpdatesExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  adamw(...call: [p: number, g: number, m: number, v: number, count: number, ...factors: Factors, sum: number]): number;
  adamw8bit(
    ...call: [
      p: number,
      g: number,
      codes1: number,
      codes2: number,
      absmax1: number,
      absmax2: number,
      count: number,
      block: number,
      floor: boolean,
      signed: number,
      unsigned: number,
      m: number,
      v: number,
      ...factors: Factors,
      sum: number,
    ]
  ): number;
}

/** What is used of WebAssembly: TypeScript declares it in its DOM library only. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Elements that are brought into the module's memory at a time: few enough that they stay in a core's cache. */
const chunk = 8192;

// The module's memory (1 MiB): two code books, then a chunk of everything.
const bookBytes = 1024 + 4 * 65536;
const signedAt = 1024;
const unsignedAt = signedAt + bookBytes;
const pAt = unsignedAt + bookBytes;
const gAt = pAt + 4 * chunk;
const mAt = gAt + 4 * chunk;
const vAt = mAt + 4 * chunk;
const absmax1At = vAt + 4 * chunk;
const absmax2At = absmax1At + 4 * chunk;
const codes1At = absmax2At + 4 * chunk;
const codes2At = codes1At + chunk;

let instance: UpdateKernels | undefined;

/**
 * The updates compiled to WebAssembly SIMD, equal to the bit to those in JavaScript; `undefined` where there is no WebAssembly. Arrays stay
 * where they are and go through a small memory of the module by parts, which costs little beside the arithmetic.
 */
export function compiledUpdates(): UpdateKernels | undefined {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyGlobal };
  return (instance ??= WebAssembly === undefined ? undefined : createUpdates(WebAssembly));
}

function createUpdates({ Module, Instance }: WebAssemblyGlobal): UpdateKernels {
  const module = new Instance(new Module(Uint8Array.from(Buffer.from(updatesModule, 'base64')))).exports as UpdatesExports;
  const { buffer } = module.memory;
  const [p, g, m, v, absmax1, absmax2] = [pAt, gAt, mAt, vAt, absmax1At, absmax2At].map((at) => new Float32Array(buffer, at, chunk)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [codes1, codes2] = [new Uint8Array(buffer, codes1At, chunk), new Uint8Array(buffer, codes2At, chunk)];
  const books = new Map<number, CodeBook>();
  const putBook = (at: number, book: CodeBook): void => {
    if (books.get(at) === book) return;
    new Float32Array(buffer, at, 256).set(book.values);
    new Uint32Array(buffer, at + 1024, 65536).set(entriesOf(book));
    books.set(at, book);
  };

  return {
    f32(parameter, gradient, first, second, factors) {
      const listed = listOf(factors);
      let sum = 0;
      for (let start = 0; start < parameter.length; start += chunk) {
        const count = Math.min(chunk, parameter.length - start);
        put(p, parameter, start, count);
        put(g, gradient, start, count);
        put(m, first, start, count);
        put(v, second, start, count);
        sum = module.adamw(pAt, gAt, mAt, vAt, count, ...listed, sum);
        take(p, parameter, start, count);
        take(m, first, start, count);
        take(v, second, start, count);
      }
      return sum;
    },
    quantized(parameter, gradient, moments, factors, settings) {
      const { blockSize, floor, signed, unsigned } = settings;
      if (blockSize > chunk) return plainUpdates.quantized(parameter, gradient, moments, factors, settings);
      putBook(signedAt, signed);
      putBook(unsignedAt, unsigned);
      const listed = listOf(factors);
      const part = chunk - (chunk % blockSize);
      let sum = 0;
      for (let start = 0; start < parameter.length; start += part) {
        const count = Math.min(part, parameter.length - start);
        const [block, blocks] = [start / blockSize, Math.ceil(count / blockSize)];
        put(p, parameter, start, count);
        put(g, gradient, start, count);
        put(codes1, moments.state1, start, count);
        put(codes2, moments.state2, start, count);
        put(absmax1, moments.absmax1, block, blocks);
        put(absmax2, moments.absmax2, block, blocks);
        sum = module.adamw8bit(
          pAt,
          gAt,
          codes1At,
          codes2At,
          absmax1At,
          absmax2At,
          count,
          blockSize,
          floor,
          signedAt,
          unsignedAt,
          mAt,
          vAt,
          ...listed,
          sum,
        );
        take(p, parameter, start, count);
        take(codes1, moments.state1, start, count);
        take(codes2, moments.state2, start, count);
        take(absmax1, moments.absmax1, block, blocks);
        take(absmax2, moments.absmax2, block, blocks);
      }
      return sum;
    },
  };
}

/** The buckets of a book in one table, as the module searches it: code times 2^16, plus what is missing to a carry at the bucket's midpoint. */
function entriesOf({ midpoints, buckets }: CodeBook): Uint32Array {
  const bits = new Uint32Array(midpoints.buffer, midpoints.byteOffset, midpoints.length);
  return Uint32Array.from(buckets, (code, bucket) => {
    const middle = bits[code]!;
    const isNumber = (bucket & 0x7f80) !== 0x7f80;
    // Values of a negative bucket grow as their lower bits fall.
    const edge = isNumber && middle >>> 16 === bucket ? (bucket < 0x8000 ? middle : ~middle) & 0xffff : 0xffff;
    return (code << 16) | (0xffff - edge);
  });
}

function put<A extends Float32Array | Uint8Array>(to: A, from: A, start: number, count: number): void {
  to.set(from.subarray(start, start + count));
}

function take<A extends Float32Array | Uint8Array>(from: A, to: A, start: number, count: number): void {
  to.set(from.subarray(0, count), start);
}

function listOf({ beta1, beta2, epsilon, keep, stepSize, correction2 }: StepFactors): Factors {
  return [beta1, beta2, epsilon, keep, stepSize, correction2];
}
