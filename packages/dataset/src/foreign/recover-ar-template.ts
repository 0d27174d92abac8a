import { EXPLANATION_PLACEHOLDER, templateSha256 } from '@nlakit/sidecar';

/** Longest beginning and end of a template that are tried. */
const longest = 400;

/**
 * The AR template that filled prompts were made from, if it is the one with that sha256. What all prompts begin and end with holds the
 * template's two halves, perhaps with letters that the explanations share; the hash tells which cut is right. Undefined if none is.
 */
export function recoverArTemplate(prompts: readonly string[], sha256: string): string | undefined {
  const [first = '', ...others] = prompts;
  const shared = (matches: (length: number, other: string) => boolean): number => {
    let length = 0;
    while (length < Math.min(first.length, longest) && others.every((other) => matches(length + 1, other))) length += 1;
    return length;
  };
  const before = shared((length, other) => other.startsWith(first.slice(0, length)));
  const after = shared((length, other) => other.endsWith(first.slice(first.length - length)));
  for (let left = before; left >= 0; left -= 1) {
    for (let right = Math.min(after, first.length - left); right >= 0; right -= 1) {
      const template = `${first.slice(0, left)}${EXPLANATION_PLACEHOLDER}${first.slice(first.length - right)}`;
      if (templateSha256(template) === sha256) return template;
    }
  }
  return undefined;
}
