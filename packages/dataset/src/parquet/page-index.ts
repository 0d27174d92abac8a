import type { AsyncBuffer, ColumnMetaData, DataReader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';

/** Where the data pages of a column chunk lie, and with which of its values each begins. */
export interface PageIndex {
  /** Byte range of the dictionary page, if there is one. */
  readonly dictionary: ByteRange | null;
  readonly pages: readonly IndexedPage[];
}

/** Bytes of a page with its header. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

interface IndexedPage extends ByteRange {
  readonly firstValue: number;
}

/**
 * Finds the pages of a column chunk by hopping from header to header. Files of pyarrow hold no such index unless asked, and keep up to a
 * million rows in one row group: with it a part of a group is read without the rest.
 */
export async function indexPages(buffer: AsyncBuffer, meta: ColumnMetaData): Promise<PageIndex> {
  const begin = chunkStart(meta);
  const end = begin + Number(meta.total_compressed_size);
  const pages: IndexedPage[] = [];
  let dictionary: ByteRange | null = null;
  let values = 0;
  for (let start = begin; start < end && values < Number(meta.num_values);) {
    const { header, size } = await readHeader(buffer, start, end);
    const next = start + size + header.compressed_page_size;
    if (header.type === 'DICTIONARY_PAGE') dictionary = { start, end: next };
    const shape = header.data_page_header_v2 ?? header.data_page_header;
    if (shape !== undefined) {
      pages.push({ start, end: next, firstValue: values });
      values += shape.num_values;
    }
    start = next;
  }
  return { dictionary, pages };
}

/** Offset of the first byte of a column chunk. */
export function chunkStart(meta: ColumnMetaData): number {
  const { dictionary_page_offset: dictionary, data_page_offset: data } = meta;
  return Number(dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data);
}

/** The pages that hold the values `[from, to)`: their bytes in one range, and the first value in them. */
export function pagesOf({ pages }: PageIndex, from: number, to: number): IndexedPage | undefined {
  const wanted = pages.filter(({ firstValue }, place) => firstValue < to && (pages[place + 1]?.firstValue ?? Infinity) > from);
  const first = wanted[0];
  const last = wanted.at(-1);
  return first && last && { start: first.start, end: last.end, firstValue: first.firstValue };
}

async function readHeader(buffer: AsyncBuffer, start: number, end: number) {
  // Headers take some tens of bytes, more where they hold statistics over long texts.
  for (let length = 512; ; length *= 16) {
    const reader: DataReader = { view: new DataView(await buffer.slice(start, Math.min(end, start + length))), offset: 0 };
    try {
      return { header: parquetHeader(reader), size: reader.offset };
    } catch (error) {
      if (start + length >= end) throw error;
    }
  }
}
