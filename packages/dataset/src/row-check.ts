import { NlaError } from '@nlakit/core';

/** What a vector is checked against, and how it is called in errors. */
export interface VectorPlace {
  readonly row: number | string;
  readonly dModel: number;
  readonly file?: string;
}

/** Width and finiteness of one activation vector. `E_DATASET_VECTOR` names the row and the component. */
export function checkVector(vector: ArrayLike<number>, place: VectorPlace): void {
  if (vector.length !== place.dModel) {
    throw vectorError(place, `${vector.length} components`, `${place.dModel} components`);
  }
  for (let index = 0; index < vector.length; index += 1) {
    if (!Number.isFinite(vector[index])) throw vectorError(place, `${String(vector[index])} at component ${index}`, 'finite numbers');
  }
}

function vectorError(place: VectorPlace, found: string, expected: string): NlaError {
  return new NlaError('E_DATASET_VECTOR', {
    message: `The activation vector of row ${place.row} cannot be used.`,
    found,
    expected,
    kind: 'input',
    ...(place.file === undefined ? {} : { file: place.file }),
  });
}
