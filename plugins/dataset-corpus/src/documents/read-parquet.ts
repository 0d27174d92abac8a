import { NlaError } from '@nlakit/core';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { CorpusDocument } from './corpus-document.js';
import { documentOf } from './document-fields.js';
import type { SourceFile } from './list-files.js';
import type { FieldOptions } from './source-options.js';

/** Number of rows of all files, from their footers. */
export async function countParquetRows(files: readonly SourceFile[]): Promise<number> {
  let rows = 0;
  for (const { file } of files) rows += Number((await openParquet(file)).metadata.num_rows);
  return rows;
}

/** One document a row; one row group is in memory at a time, and only the columns that are used. Throws `E_CORPUS_FORMAT`. */
export async function* readParquet(
  files: readonly SourceFile[],
  { source, fields }: { readonly source: string; readonly fields: FieldOptions },
): AsyncGenerator<CorpusDocument> {
  const wanted = [...new Set([fields.text, fields.id, fields.familyField, ...fields.meta])].filter((name) => name !== undefined);
  for (const { file, path } of files) {
    const { buffer, metadata } = await openParquet(file);
    const present = new Set(metadata.row_groups[0]?.columns.map(({ meta_data: column }) => column?.path_in_schema[0] ?? ''));
    const missing = wanted.find((name) => !present.has(name));
    if (missing !== undefined && metadata.row_groups.length > 0) throw columnError(file, missing, [...present]);
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const records = await read(file, () =>
        parquetReadObjects({ file: buffer, metadata, columns: wanted, rowStart: start, rowEnd: end, compressors }),
      );
      for (const [offset, record] of records.entries()) {
        yield documentOf(record, fields, { source, file, path, index: start + offset });
      }
      start = end;
    }
  }
}

async function openParquet(file: string): Promise<{ buffer: AsyncBuffer; metadata: FileMetaData }> {
  return read(file, async () => {
    const buffer = await asyncBufferFromFile(file);
    return { buffer, metadata: await parquetMetadataAsync(buffer) };
  });
}

async function read<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw new NlaError('E_CORPUS_FORMAT', {
      message: 'A parquet file of the corpus cannot be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      file,
      kind: 'input',
      cause,
    });
  }
}

function columnError(file: string, column: string, present: readonly string[]): NlaError {
  return new NlaError('E_CORPUS_FORMAT', {
    message: `The file has no column "${column}".`,
    found: present.join(', '),
    fix: 'Name the columns of this file in the source: `text: content`.',
    file,
    kind: 'input',
  });
}
