import { mkdir } from 'node:fs/promises';
import { writeError } from '@nlakit/safetensors';

/** Makes a folder with its parents. Throws `E_WRITE`. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw writeError(folder, error);
  }
}
