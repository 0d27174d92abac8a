import type { JsonValue } from '@nlakit/core';

/** One text of a corpus. */
export interface CorpusDocument {
  /** Stable: the same text of the same corpus has the same id at every run. */
  readonly id: string;
  readonly text: string;
  /** Where it comes from, for counts: `wikipedia`. */
  readonly family: string;
  /** What else the corpus says of it, handed to the labeler. */
  readonly meta?: Readonly<Record<string, string>>;
}

/** An opened source of documents. */
export interface CorpusSource {
  /** For sidecars and cards, without paths of this machine: `letters`, `HuggingFaceFW/fineweb`. */
  readonly name: string;
  /** Changes when the documents may have changed. */
  readonly identity: JsonValue;
  /** Number of documents, where it is known without reading them. */
  readonly total?: number;
  /** The documents, always in the same order. */
  documents(): AsyncIterable<CorpusDocument>;
}
