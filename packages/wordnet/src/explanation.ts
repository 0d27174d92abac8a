/** The parts of an explanation, in the order they are written in. */
export interface ExplanationFields {
  /** What the text is about: one of the topics. */
  readonly topic: string;
  /** What its subject is a kind of. */
  readonly hypernym: string;
  /** The last word read. */
  readonly last: string;
  /** A word that may follow. */
  readonly next: string;
}

/** The explanation written by rule: `topic: body. a kind of bone. last: a. next: that.` */
export function writeExplanation(fields: ExplanationFields): string {
  return `topic: ${fields.topic}. a kind of ${fields.hypernym}. last: ${fields.last}. next: ${fields.next}.`;
}
