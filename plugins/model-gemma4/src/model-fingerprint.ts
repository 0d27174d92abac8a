import { createHash } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** Weight files up to this size are hashed whole. */
const wholeBytes = 64 * 2 ** 20;
/** Larger ones by their first pieces (the header) and by pieces spread evenly over the rest. */
const pieceBytes = 64 * 1024;
const pieces = 256;

/**
 * sha256 (hex) that tells one set of weights and tokenizer from another: `config.json`, `tokenizer.json` and every safetensors file of
 * the folder, by name. Files over 64 MiB are sampled in 256 places, because hashing ten gigabytes at every start would take longer than
 * loading them; retraining or requantising changes every sample.
 */
export async function modelFingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(folder)).filter((name) => /^(config|tokenizer)\.json$|\.safetensors$/.test(name)).sort();
  for (const name of names) {
    const file = path.join(folder, name);
    hash.update(`${name}\n`);
    if (name.endsWith('.json')) {
      hash.update(await readFile(file));
      continue;
    }
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      hash.update(`${size}\n`);
      const buffer = new Uint8Array(size <= wholeBytes ? size : pieceBytes);
      const count = size <= wholeBytes ? 1 : pieces;
      for (let piece = 0; piece < count; piece += 1) {
        const position = count === 1 ? 0 : Math.floor(((size - pieceBytes) * piece) / (pieces - 1));
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        hash.update(buffer.subarray(0, filled));
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
