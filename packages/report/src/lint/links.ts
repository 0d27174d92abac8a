import { escapeMarkdownCell } from '../escape.js';

/** A link as it stands in a card or page. */
export interface FoundLink {
  readonly target: string;
  readonly line: number;
}

/** Links and images of one line of Markdown: `[text](target)`, `![alt](target)`, `<a href>` and reference definitions; not those in code. */
export function linksOfMarkdown(text: string, line: number): readonly FoundLink[] {
  const plain = text.replace(/(`+)(?:(?!\1).)*\1(?!\]\()/g, (code) => code.replace(/[^`\]]/g, ' '));
  const inline = [...plain.matchAll(/\]\(\s*<?([^)\s>]*)>?(?:\s+["'][^)]*)?\)/g)].map((match) => match[1] ?? '');
  const defined = [...plain.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)/g)].map((match) => match[1] ?? '');
  return [...inline, ...defined, ...attributesOf(plain)].map((target) => ({ target, line }));
}

/** Values of `href`, `src` and `srcset`-like attributes in HTML. */
export function linksOfHtml(html: string): readonly FoundLink[] {
  const tags = [...html.matchAll(/<(?:a|img|link|script|source|iframe|video|audio|object|use|image)\b[^>]*>/gi)];
  return tags.flatMap((tag) => attributesOf(tag[0]).map((target) => ({ target, line: html.slice(0, tag.index).split('\n').length })));
}

function attributesOf(tag: string): readonly string[] {
  return [...tag.matchAll(/\b(?:xlink:)?(?:href|src|data|poster)\s*=\s*["']([^"']*)["']/gi)].map((match) => match[1] ?? '');
}

/** What is wrong with a link, or undefined. `anchors` are the places in the same file that a fragment can name. */
export function brokenLink(target: string, paths: readonly string[], anchors: ReadonlySet<string>): string | undefined {
  if (/^(?:https?:|mailto:|doi:)/i.test(target)) return undefined;
  if (/^data:image\//i.test(target)) return undefined;
  if (target === '' || /^[a-z][a-z0-9+.-]*:/i.test(target)) return 'a link with an address, or a relative one';
  if (target.startsWith('/')) return 'a link relative to this file';
  const [path = '', fragment] = target.split('#');
  if (path === '') return fragment === undefined || anchors.has(decoded(fragment)) ? undefined : 'an anchor of this file';
  const parts: string[] = [];
  for (const part of decoded(path).split('/')) {
    if (part === '..' && parts.length === 0) return 'a link that stays in the repository';
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  const name = parts.join('/');
  return paths.some((one) => one === name || one.startsWith(`${name}/`)) ? undefined : 'a file or folder that is in the release';
}

/** The anchor that the Hub gives a heading. */
export function anchorOf(heading: string): string {
  return escapeMarkdownCell(heading)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
