const round = Math.fround;

/** 256 sorted f32 values, the midpoints between them, and a table that finds the nearest in constant time. */
export interface CodeBook {
  /** `[256]`, ascending. */
  readonly values: Float32Array;
  /** `[256]`: `f32(0.5 · f32(values[k] + values[k + 1]))`, then infinity. A value above midpoint k belongs to code k + 1; one on it to code k. */
  readonly midpoints: Float32Array;
  /** `[65536]`, by the upper 16 bits of an f32: the code of the smallest value in that bucket. No bucket holds two midpoints. */
  readonly buckets: Uint8Array;
}

/** bitsandbytes' 8-bit dynamic map, signed (first moments, absmax of NF4) or unsigned (second moments). Made once. */
export function dynamicMap(signed: boolean): CodeBook {
  if (signed) return (signedBook ??= codeBook(dynamicValues(true)));
  return (unsignedBook ??= codeBook(dynamicValues(false)));
}

let signedBook: CodeBook | undefined;
let unsignedBook: CodeBook | undefined;

/**
 * Code of the entry nearest to `value` (exact; a tie takes the lower code). Values beyond the ends take the end; NaN has no meaningful code.
 * For whole arrays, inline {@link CodeBook.buckets} instead.
 */
export function nearestCode(book: CodeBook, value: number): number {
  scratch[0] = value;
  const code = book.buckets[scratchBits[0]! >>> 16]!;
  return value > book.midpoints[code]! ? code + 1 : code;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/**
 * `create_dynamic_map` of bitsandbytes for 8 bits, bit for bit: decades 10^-6 to 1, decade i divided into 2^i (signed) or 2^(i+1)
 * intervals whose midpoints are the entries, plus 0 and 1.
 */
function dynamicValues(signed: boolean): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const bounds = linspaceToOne(2 ** (decade + (signed ? 0 : 1)) + 1);
    const scale = round(10 ** (decade - 6));
    for (let j = 0; j + 1 < bounds.length; j++) {
      const value = round(scale * round(round(bounds[j]! + bounds[j + 1]!) / 2));
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return new Float32Array(values.sort((a, b) => a - b));
}

/** torch.linspace(0.1, 1, count) on a CPU: each half is counted from its own end, with one rounding per value. */
function linspaceToOne(count: number): number[] {
  const start = round(0.1);
  const step = round(round(1 - start) / round(count - 1));
  const half = Math.floor(count / 2);
  return Array.from({ length: count }, (_, i) => (i < half ? round(start + step * i) : round(1 - step * (count - 1 - i))));
}

function codeBook(values: Float32Array): CodeBook {
  const midpoints = Float32Array.from({ length: 256 }, (_, k) => (k < 255 ? round(round(values[k]! + values[k + 1]!) * 0.5) : Infinity));
  const exact = (value: number): number => {
    let code = 0;
    while (value > midpoints[code]!) code += 1;
    return code;
  };
  const buckets = new Uint8Array(65536);
  const ends = new Float32Array(2);
  const bits = new Uint32Array(ends.buffer);
  for (let bucket = 0; bucket < 65536; bucket++) {
    bits[0] = bucket << 16;
    bits[1] = (bucket << 16) | 0xffff;
    if (Number.isNaN(ends[0]!)) continue;
    // Only the infinities share their bucket with NaN.
    if (Number.isNaN(ends[1]!)) ends[1] = ends[0]!;
    // The magnitude grows with the bits, so in a negative bucket the last value is the smallest.
    const low = exact(Math.min(ends[0]!, ends[1]!));
    const high = exact(Math.max(ends[0]!, ends[1]!));
    if (high - low > 1) throw new Error(`Two midpoints of a code book in one bucket: codes ${low} to ${high}.`);
    buckets[bucket] = low;
  }
  return { values, midpoints, buckets };
}
