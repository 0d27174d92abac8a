/** One line of the parity table: one quantity of one comparison on one backend. */
export interface ParityRow {
  /** What the comparison belongs to: `forward`, `gradients`, `lora`, … */
  readonly group: string;
  /** What is compared, in words. */
  readonly comparison: string;
  /** Where our side was computed: a backend's name, or `host` for plain JavaScript. */
  readonly backend: string;
  /** Who computed the other side, with version. */
  readonly reference: string;
  /** What `maxError` and `tolerance` measure: `max abs`, `max / largest`, … */
  readonly quantity: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly passed: boolean;
  readonly note?: string;
}

/** A set of rows with where they were measured; what the parity commands write. */
export interface ParityResult {
  readonly rows: readonly ParityRow[];
  /** Facts of the machine: processor, cores, memory, operating system. */
  readonly machine: Readonly<Record<string, string | number>>;
  /** Versions of what took part, by name. */
  readonly versions: Readonly<Record<string, string>>;
}
