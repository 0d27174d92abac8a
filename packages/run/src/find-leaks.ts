/** Something in a text that must not leave the machine. */
export interface Leak {
  readonly what: string;
  /** The text found; of a secret only its beginning. */
  readonly found: string;
  /** Counted from 1. */
  readonly line: number;
}

const secret = (text: string): string => `${text.slice(0, 6)}…`;

/** Names that no public name server knows; a dot before the last part keeps prose such as "internal" out. */
const hostPattern =
  /(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:internal|intranet|corp|lan|localdomain|svc\.cluster\.local)\b(?![\w.-]*\w)|\b(?:https?|ssh|ftp|redis|postgres|mongodb):\/\/[\w.-]+\.(?:internal|intranet|corp|lan|local|localdomain)\b/gi;

/** IPv4 addresses of private networks (RFC 1918, and 169.254/16), in a URL or with a port, so that version numbers pass. */
const addressPattern =
  /(?:\b[a-z]+:\/\/(?:10\.\d{1,3}|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b)|(?<![\w.])(?:10\.\d{1,3}|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}:\d{2,5}\b/g;

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
  { what: 'an access key of AWS', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, show: secret },
  {
    what: 'a secret key of AWS',
    pattern: /\baws_secret_access_key\b["']?\s*[:=]\s*["']?[\w/+=]{30,}/gi,
    show: (text) => text.slice(0, 21),
  },
  { what: 'a Google API key', pattern: /\bAIza[\w-]{35}/g, show: secret },
  { what: 'a Slack token', pattern: /\bxox[abprs]-[\w-]{10,}/g, show: secret },
  { what: 'a W&B key', pattern: /\bWANDB_API_KEY\b["']?\s*[:=]\s*["']?[0-9a-f]{40}/g, show: secret },
  {
    what: 'credentials in an address',
    pattern: /\bhttps?:\/\/[^\s/:@"'<>]+:[^\s/@"'<>]+@[^\s"'<>]+/g,
    show: (text) => `${text.slice(0, 8)}…`,
  },
  { what: 'a name of an internal host', pattern: hostPattern },
  { what: 'an address of an internal host', pattern: addressPattern },
  { what: 'an API key', pattern: /\bsk-[A-Za-z0-9_-]{20,}/g, show: secret },
  { what: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/g, show: secret },
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g, show: secret },
];

/**
 * Machine paths, secrets and names of internal hosts in a text, in the order of their kinds. `own` are further paths to look for, such as
 * the home folder of this user; `hosts` further host names.
 */
export function findLeaks(text: string, own: readonly string[] = [], hosts: readonly string[] = []): Leak[] {
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
  for (const host of hosts) {
    for (let at = text.indexOf(host); at >= 0; at = text.indexOf(host, at + host.length)) {
      const around = `${text[at - 1] ?? ' '}${text[at + host.length] ?? ' '}`;
      if (!/[\w-]/.test(around)) add('the name of this machine', host, at);
    }
  }
  return leaks;
}
