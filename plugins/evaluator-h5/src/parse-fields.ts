/** The named parts of an explanation with fixed field order. */
export interface ExplanationParts {
  readonly topic: string;
  readonly hypernym: string;
  readonly last: string;
  readonly next: string;
}

// Words may hold a full stop, so each part ends where the next label begins.
const form = /^topic: (.*?)\. a kind of (.*?)\. last: (.*?)\. next: (.*)\.$/s;

/** Takes `topic: T. a kind of H. last: L. next: N.` apart; undefined for a text of another form. */
export function parseParts(text: string): ExplanationParts | undefined {
  const match = form.exec(text);
  const [, topic, hypernym, last, next] = match ?? [];
  if (topic === undefined || hypernym === undefined || last === undefined || next === undefined) return undefined;
  return { topic, hypernym, last, next };
}

/** Puts the parts together again. */
export function writeParts(parts: ExplanationParts): string {
  return `topic: ${parts.topic}. a kind of ${parts.hypernym}. last: ${parts.last}. next: ${parts.next}.`;
}
