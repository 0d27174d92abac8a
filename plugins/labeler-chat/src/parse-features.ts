/** A description, or why an answer holds none. */
export type ParsedFeatures = { readonly features: readonly string[] } | { readonly reason: string };

/**
 * The features that an answer names between `<analysis>` and `</analysis>`, each on one line: paragraphs, or the items of a list. Markers of
 * lists, headings and bold type are taken off. Both tags are needed: without the second one the answer was cut.
 */
export function parseFeatures(answer: string, minFeatures: number): ParsedFeatures {
  const start = answer.indexOf('<analysis>');
  if (start < 0) return { reason: 'the answer has no <analysis>' };
  const body = answer.slice(start + '<analysis>'.length);
  const end = body.indexOf('</analysis>');
  if (end < 0) return { reason: 'the answer ends before </analysis>' };
  const features = body
    .slice(0, end)
    .split(/\r?\n\s*\n|\r?\n(?=\s*(?:[-*•–]|\(?\d{1,2}[.):])\s)/u)
    .map(plainText)
    .filter((feature) => feature !== '');
  return features.length < minFeatures ? { reason: `${features.length} of at least ${minFeatures} features` } : { features };
}

function plainText(paragraph: string): string {
  return paragraph
    .replace(/^\s*(?:#{1,6}\s+|[-*•–]\s+|\(?\d{1,2}[.):]\s+)+/u, '')
    .replace(/(\*\*|__)(?=\S)([\s\S]*?\S)\1/gu, '$2')
    .replace(/\s+/gu, ' ')
    .trim();
}
