/** State of one stream, exact in JSON. */
export interface RandomState {
  readonly algorithm: string;
  readonly words: readonly number[];
}

/** One stream of pseudo-random numbers. The same state gives the same numbers on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal. */
  normal(): number;
  /** A new array with the items in random order. */
  shuffle<Item>(items: readonly Item[]): Item[];
  state(): RandomState;
  restore(state: RandomState): void;
}

/** All streams of a run. A stream depends on the seed and its name only, never on what other streams were asked. */
export interface SeedStreams {
  readonly seed: number;
  /** The stream of that name, for instance `data-order` or `av.dropout`; the same object at every call. */
  stream(name: string): RandomStream;
  /** The states of all streams used so far, by name. */
  state(): Readonly<Record<string, RandomState>>;
  restore(states: Readonly<Record<string, RandomState>>): void;
}
