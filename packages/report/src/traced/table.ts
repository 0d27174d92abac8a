import type { Cell } from './cell.js';

/** A column of a table. */
export interface Column {
  readonly label: string;
  /** Whether it holds figures, which stand to the right. */
  readonly figures: boolean;
}

/** A table whose numbers are traced. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A column of figures. */
export function figures(label: string): Column {
  return { label, figures: true };
}

/** A column of words. */
export function texts(label: string): Column {
  return { label, figures: false };
}

/** The table without columns in which every cell is empty. */
export function withoutEmptyColumns({ columns, rows }: Table): Table {
  const kept = columns.map((_, index) => rows.some((row) => (row[index]?.text ?? '') !== ''));
  return {
    columns: columns.filter((_, index) => kept[index]),
    rows: rows.map((row) => row.filter((_, index) => kept[index])),
  };
}
