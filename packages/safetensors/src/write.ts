import { NlaError } from '@nlakit/core';
import { atomicWriteFile } from './atomic-write.js';
import { encodingChunks, planEncoding, type TensorEntries } from './encode.js';

/**
 * Writes a safetensors file atomically, tensor by tensor, in the reference writer's order (see {@link planEncoding}). The same
 * content gives the same bytes. Returns the size of the file. Throws `E_WRITE`, or the errors of {@link planEncoding} with the path.
 */
export async function writeSafetensors(file: string, entries: TensorEntries, metadata?: Readonly<Record<string, string>>): Promise<number> {
  try {
    return await atomicWriteFile(file, encodingChunks(planEncoding(entries, metadata)));
  } catch (error) {
    if (error instanceof NlaError && error.details.file === undefined) throw new NlaError(error.code, { ...error.details, file });
    throw error;
  }
}
