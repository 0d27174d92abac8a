import { createHash } from 'node:crypto';

/** sha256 (hex) of a template: its UTF-8 text, placeholder included, nothing before or behind it. */
export function templateSha256(template: string): string {
  return createHash('sha256').update(template, 'utf8').digest('hex');
}
