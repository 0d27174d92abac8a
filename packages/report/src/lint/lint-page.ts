import { plainOfHtml } from '../escape.js';
import type { ReleaseView } from '../release-view.js';
import type { SourcedValue } from '../traced/card-sources.js';
import type { Finding } from './finding.js';
import { compare } from './lint-card.js';
import { brokenLink, linksOfHtml } from './links.js';
import { isPendingCell } from './pending.js';

const file = 'index.html';

/** What is wrong with the HTML page of a release; nothing for a release without one. */
export function lintPage(view: ReleaseView): readonly Finding[] {
  const html = view.texts.get(file);
  if (html === undefined) return [];
  const anchors = new Set([...html.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1] ?? ''));
  const links = linksOfHtml(html).flatMap(({ target, line }): Finding[] => {
    const expected = brokenLink(plainOfHtml(target), view.paths, anchors);
    return expected === undefined ? [] : [{ code: 'E_LINT_LINK', file, line, found: target, expected }];
  });
  return [...links, ...cells(html, view)];
}

/** Every cell of a table that holds a digit, and everything else that names its source. */
function cells(html: string, view: ReleaseView): Finding[] {
  const findings: Finding[] = [];
  const places = [...html.matchAll(/<(td|data)\b([^>]*)>([\s\S]*?)<\/\1>/g)];
  let line = 1;
  let counted = 0;
  let section = '';
  for (const place of places) {
    const before = html.slice(counted, place.index);
    line += before.split('\n').length - 1;
    section = plainOfHtml([...before.matchAll(/<h2[^>]*>([\s\S]*?)<\/h2>/g)].at(-1)?.[1] ?? section);
    counted = place.index;
    const [, tag, attributes = '', inner = ''] = place;
    const text = plainOfHtml(inner).trim();
    const from = /\bdata-from="([^"]*)"/.exec(attributes)?.[1];
    const where = { file, line, place: section };
    if (isPendingCell(text)) findings.push({ code: 'E_LINT_PENDING', ...where, found: text, expected: 'a value, or no row' });
    if (from === undefined) {
      if (tag === 'td' && /\d/.test(text)) {
        findings.push({
          code: 'E_LINT_UNTRACED',
          ...where,
          found: text,
          expected: 'a number with data-from, the place in a file that it comes from',
        });
      }
      continue;
    }
    const format = (/\bdata-format="([^"]*)"/.exec(attributes)?.[1] ?? 'text') as SourcedValue['format'];
    findings.push(...compare({ format, from: plainOfHtml(from).split(' ') }, text, view, where, (one) => one.trim()));
  }
  return findings;
}
