/** What a text is about, by rule. */
export interface KeywordLabel {
  readonly explanation: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The topics whose keywords occur in a text, in the order of `topics`, and the last token; `undefined` where no keyword occurs. */
export function labelText(text: string, token: string, topics: Readonly<Record<string, readonly string[]>>): KeywordLabel | undefined {
  const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  const found = Object.entries(topics)
    .filter(([, keywords]) => keywords.some((keyword) => words.has(keyword)))
    .map(([topic]) => topic);
  if (found.length === 0) return undefined;
  const topic = found.join(' and ');
  const last = token.trim();
  return { explanation: `A text about ${topic}. Last read: "${last}".`, fields: { topic, last } };
}
