/** Where messages for people go. Machines read the run's event file. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  /** Progress of a named piece of work. `total` is absent when it is not known. */
  progress(progress: Progress): void;
}

/** One state of a piece of work with countable units. */
export interface Progress {
  readonly task: string;
  readonly done: number;
  readonly total?: number;
  /** Unit of `done`, in the plural: `rows`, `steps`. */
  readonly unit: string;
  /** Figures worth showing beside the bar, already formatted: `{ loss: '1.23' }`. */
  readonly figures?: Readonly<Record<string, string>>;
}

/** Something a plugin does not do, or did with a caveat: data in a result, never a silent fallback. */
export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** A figure for people and machines: finite numbers only. */
export type Figures = Readonly<Record<string, number>>;

/** Anything that survives a round trip through JSON. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
