import { EXPLANATION_PLACEHOLDER } from '@nlakit/sidecar';

/** An explanation as the column `response` holds it: tagged, on lines of its own, as upstream's files have it. */
export function tagExplanation(explanation: string): string {
  return `<explanation>\n${explanation}\n</explanation>`;
}

/** The first tagged explanation in a text, trimmed; undefined if there is none. The AR never sees the tags or the newlines around it. */
export function untagExplanation(text: string): string | undefined {
  return /<explanation>(.*?)<\/explanation>/s.exec(text)?.[1]?.trim();
}

/** The explanation inside a filled AR template; undefined if the text was not made from that template. */
export function explanationInPrompt(prompt: string, template: string): string | undefined {
  const [before, after] = template.split(EXPLANATION_PLACEHOLDER);
  if (before === undefined || after === undefined) return undefined;
  if (!prompt.startsWith(before) || !prompt.endsWith(after) || prompt.length < before.length + after.length) return undefined;
  return prompt.slice(before.length, prompt.length - after.length);
}
