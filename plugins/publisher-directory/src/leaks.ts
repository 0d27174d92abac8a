/** Something in a text that must not leave the machine. */
export interface Leak {
  readonly what: string;
  /** The text found; of a secret only its beginning. */
  readonly found: string;
  /** Counted from 1. */
  readonly line: number;
}

const secret = (text: string): string => `${text.slice(0, 6)}…`;

/** What is looked for. Paths have to begin like a path, so that a URL's `/home/` or a word with a slash passes. */
const patterns: readonly { readonly what: string; readonly pattern: RegExp; readonly show?: (text: string) => string }[] = [
  {
    what: 'a path of this machine',
    pattern: /(?<![\w.:/-])\/(?:home|Users|root|tmp|var\/folders|var\/tmp|mnt|media|scratch|workspace)\/[^\s"'`<>)\],;]+/g,
  },
  { what: 'a path of this machine', pattern: /(?<![A-Za-z])[A-Za-z]:\\(?:\\)?(?:Users|Temp|Windows)\\[^\s"'<>]+/g },
  { what: 'a private bucket', pattern: /\b(?:gs|s3):\/\/[^\s"'<>]+/g },
  { what: 'a file URL', pattern: /\bfile:\/\/\/[^\s"'<>]+/g },
  { what: 'a Hugging Face token', pattern: /\bhf_[A-Za-z0-9]{20,}/g, show: secret },
  { what: 'an API key', pattern: /\bsk-[A-Za-z0-9_-]{20,}/g, show: secret },
  { what: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/g, show: secret },
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g, show: secret },
];

/** Machine paths and secrets in a text. `own` are further strings to look for, such as the home folder of this user. */
export function findLeaks(text: string, own: readonly string[] = []): Leak[] {
  const leaks: Leak[] = [];
  const add = (what: string, found: string, offset: number): void => {
    leaks.push({ what, found, line: text.slice(0, offset).split('\n').length });
  };
  for (const { what, pattern, show } of patterns) {
    for (const match of text.matchAll(pattern)) add(what, show?.(match[0]) ?? match[0], match.index);
  }
  for (const path of own) {
    if (path.length < 4) continue;
    for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + path.length)) {
      const follows = text[at + path.length];
      if (follows === undefined || !/[\w.-]/.test(follows)) add('a path of this machine', path, at);
    }
  }
  return leaks;
}
