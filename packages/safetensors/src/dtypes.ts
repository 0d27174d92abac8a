/**
 * Bits per element of every dtype that safetensors 0.8 knows, in the order of the reference implementation's enumeration. The
 * writer sorts by this order, descending, so that wide elements come first and every tensor stays aligned.
 */
const bitsByDtype = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** The name of an element type as it stands in a header. Upper case matters. */
export type Dtype = keyof typeof bitsByDtype;

/** All dtypes, narrow to wide, in the reference implementation's order. */
export const dtypes: readonly Dtype[] = Object.keys(bitsByDtype) as Dtype[];

const rankByDtype: ReadonlyMap<string, number> = new Map(dtypes.map((dtype, rank) => [dtype, rank]));

/** Whether `name` is a dtype of the format. */
export function isDtype(name: string): name is Dtype {
  return rankByDtype.has(name);
}

/** Bits of one element. */
export function bitsOf(dtype: Dtype): number {
  return bitsByDtype[dtype];
}

/** Position in the reference implementation's enumeration; the writer puts high ranks first. */
export function rankOf(dtype: Dtype): number {
  return rankByDtype.get(dtype) ?? -1;
}
