import type { ColumnMetaData } from 'hyparquet';
import { ByteWriter, type Writer } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';

/** Bytes of vectors in one page: what readers expect a page to be. */
const pageBytes = 2 ** 20;

/**
 * Appends one column chunk of vectors, all of the same width, to a parquet file: required lists of required float32, plain and
 * uncompressed (activations do not compress), their bytes copied as they are. `path` names the leaf in the schema.
 */
export function writeVectorColumn(writer: Writer, path: readonly string[], vectors: readonly Float32Array[]): ColumnMetaData {
  const begin = writer.offset;
  const width = vectors[0]?.length ?? 0;
  const rowsPerPage = Math.max(1, Math.floor(pageBytes / (4 * Math.max(1, width))));
  for (let start = 0; start < vectors.length; start += rowsPerPage) writePage(writer, vectors.slice(start, start + rowsPerPage), width);
  const size = BigInt(writer.offset - begin);
  return {
    type: 'FLOAT',
    encodings: ['PLAIN', 'RLE'],
    path_in_schema: [...path],
    codec: 'UNCOMPRESSED',
    num_values: BigInt(vectors.length * width),
    total_uncompressed_size: size,
    total_compressed_size: size,
    data_page_offset: BigInt(begin),
  };
}

function writePage(writer: Writer, vectors: readonly Float32Array[], width: number): void {
  const count = vectors.length * width;
  // A row's first component repeats nothing (0), the others repeat the list (1); every component is there (1).
  const repetition = new Uint8Array(count).fill(1);
  for (let row = 0; row < vectors.length; row += 1) repetition[row * width] = 0;
  const levels = new ByteWriter();
  const repetitionBytes = writeRleBitPackedHybrid(levels, repetition, 1);
  const definitionBytes = writeRleBitPackedHybrid(levels, new Uint8Array(count).fill(1), 1);
  const size = levels.offset + 4 * count;
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: size,
    compressed_page_size: size,
    data_page_header_v2: {
      num_values: count,
      num_nulls: 0,
      num_rows: vectors.length,
      encoding: 'PLAIN',
      definition_levels_byte_length: definitionBytes,
      repetition_levels_byte_length: repetitionBytes,
      is_compressed: false,
    },
  });
  writer.appendBytes(levels.getBytes());
  for (const vector of vectors) writer.appendBytes(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}
