import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Compressors } from 'hyparquet';
import { compressors as others } from 'hyparquet-compressors';

/**
 * How pages are unpacked. gzip and brotli come with Node; zstd (in Node only from 22.15), LZ4 and a Snappy faster than the reader's own
 * come from the reader's companion.
 */
export const codecs: Compressors = {
  ...others,
  GZIP: (input) => new Uint8Array(gunzipSync(input)),
  BROTLI: (input) => new Uint8Array(brotliDecompressSync(input)),
};
