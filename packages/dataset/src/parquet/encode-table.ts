import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writeVectorColumn } from './write-vector-column.js';

/** One row group: the values of every column but the vectors, by name in the order of the schema, and the vectors, all of one width. */
export interface RowGroupColumns {
  readonly values: readonly { readonly name: string; readonly data: readonly unknown[] }[];
  readonly vectors: readonly Float32Array[];
}

/**
 * A parquet file as a stream of bytes, one piece a row group and the footer last. Vectors go to the column `vectorColumn` of the schema
 * as they are; the writer's own way, through lists of numbers, would take several times their size.
 */
export async function* encodeTable(
  schema: readonly SchemaElement[],
  vectorColumn: string,
  groups: AsyncIterable<RowGroupColumns>,
): AsyncGenerator<Uint8Array> {
  const buffer = new ByteWriter(1 << 20);
  const writer = new ParquetWriter({ writer: buffer, schema: [...schema], createdBy: 'nlakit' });
  const path = pathBelow(schema, vectorColumn);
  const take = (): Uint8Array => {
    // A copy: the writer goes on in the same buffer.
    const bytes = buffer.getBytes().slice();
    buffer.index = 0;
    return bytes;
  };
  for await (const { values, vectors } of groups) {
    const chunk = writeVectorColumn(buffer, path, vectors);
    void writer.write({ columnData: values.map(({ name, data }) => ({ name, data: [...data] })), rowGroupSize: vectors.length });
    const group = writer.row_groups.at(-1);
    if (group === undefined) continue;
    // Chunks stand in the order of the schema, wherever their bytes are.
    const names = topLevelNames(schema);
    const later = new Set(names.slice(names.indexOf(vectorColumn) + 1));
    const place = group.columns.findIndex(({ meta_data: meta }) => later.has(meta?.path_in_schema[0] ?? ''));
    group.columns.splice(place < 0 ? group.columns.length : place, 0, { meta_data: chunk, file_offset: chunk.data_page_offset });
    group.total_byte_size += chunk.total_uncompressed_size;
    group.total_compressed_size = (group.total_compressed_size ?? 0n) + chunk.total_compressed_size;
    yield take();
  }
  void writer.finish();
  yield take();
}

function topLevelNames(schema: readonly SchemaElement[]): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; at = endOf(schema, at)) names.push(schema[at]?.name ?? '');
  return names;
}

function pathBelow(schema: readonly SchemaElement[], column: string): string[] {
  const begin = schema.findIndex(({ name }, at) => at > 0 && name === column);
  return schema.slice(begin, endOf(schema, begin)).map(({ name }) => name);
}

/** Index behind the last descendant of the element at `at`. */
function endOf(schema: readonly SchemaElement[], at: number): number {
  let next = at + 1;
  for (let child = 0; child < (schema[at]?.num_children ?? 0); child += 1) next = endOf(schema, next);
  return next;
}
