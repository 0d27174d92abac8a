import { createHash } from 'node:crypto';

/** Takes the vectors of a reference set in order and gives their hash. */
export interface ReferenceHasher {
  readonly add: (vector: ArrayLike<number>) => void;
  readonly digest: () => string;
}

/**
 * Identity of a reference set: sha256, in hex, of the vectors as one `[rows, dModel]` matrix of little-endian float32 in row order, zero
 * vectors included. Values are rounded to float32, which changes nothing for activations that were stored so. In NumPy:
 * `hashlib.sha256(numpy.ascontiguousarray(vectors, dtype='<f4')).hexdigest()`.
 */
export function referenceHasher(): ReferenceHasher {
  const hash = createHash('sha256');
  let bytes = new DataView(new ArrayBuffer(0));
  return {
    add: (vector) => {
      if (bytes.byteLength !== vector.length * 4) bytes = new DataView(new ArrayBuffer(vector.length * 4));
      for (let index = 0; index < vector.length; index += 1) bytes.setFloat32(index * 4, vector[index] ?? NaN, true);
      hash.update(bytes);
    },
    digest: () => hash.digest('hex'),
  };
}
