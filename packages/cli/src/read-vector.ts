import { resolve } from 'node:path';
import { openSafetensors } from '@nlakit/safetensors';
import { usage } from './command-context.js';

/** Reads `file.safetensors#name` as one vector, f32. Throws `E_USAGE`, and the errors of the file. */
export async function readVector(text: string, cwd: string, option: string): Promise<Float32Array> {
  const hash = text.lastIndexOf('#');
  if (hash < 1 || hash === text.length - 1) throw usage(option, text, 'file.safetensors#name of a tensor');
  const name = text.slice(hash + 1);
  const file = await openSafetensors(resolve(cwd, text.slice(0, hash)));
  try {
    if (!file.has(name)) throw usage(option, name, `one of ${[...file.names()].slice(0, 20).join(', ')}`);
    return await file.float32(name);
  } finally {
    await file.close();
  }
}
