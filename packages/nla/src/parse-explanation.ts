/** How a verbalizer's output is read. */
export interface ParseExplanationOptions {
  /** The prompt already ends with the opening tag, so that the output may start inside the explanation. */
  readonly opened?: boolean;
}

/** The tag that starts an explanation. */
export const explanationOpen = '<explanation>';
/** The tag that ends an explanation. */
export const explanationClose = '</explanation>';

/**
 * The explanation in a verbalizer's output: what stands between the first `<explanation>` and the first `</explanation>` after it,
 * trimmed (the reconstructor is trained on trimmed text), or null if there is no such pair. An empty explanation is `''`.
 */
export function parseExplanation(text: string, options: ParseExplanationOptions = {}): string | null {
  const repeatsTag = text.trimStart().startsWith(explanationOpen);
  const whole = options.opened === true && !repeatsTag ? explanationOpen + text : text;
  const start = whole.indexOf(explanationOpen);
  if (start < 0) return null;
  const from = start + explanationOpen.length;
  const end = whole.indexOf(explanationClose, from);
  return end < 0 ? null : whole.slice(from, end).trim();
}
