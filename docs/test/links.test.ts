import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { generatePages } from '../generate/generate-pages.js';
import { anchorOf } from '../generate/markdown.js';
import { pageOfRepositoryFile } from '../generate/repository-links.js';
import { docsFolder, readRepositoryFile, repositoryFolder } from '../generate/repository.js';
import { writtenPages } from '../generate/read-pages.js';

/** Addresses of pages, with the anchors of their headings. */
let addresses: ReadonlyMap<string, ReadonlySet<string>>;
let pages: readonly { readonly file: string; readonly text: string }[];

beforeAll(async () => {
  const results = [
    'results/README.md',
    'results/benchmarks.md',
    'results/engines.md',
    'results/parity.md',
    'results/tiny-trajectory/README.md',
  ];
  pages = [
    ...writtenPages(),
    ...(await generatePages()),
    ...results.map((file) => ({ file: file.replace('README.md', 'index.md'), text: readRepositoryFile(`docs/${file}`) })),
  ];
  addresses = new Map(pages.map(({ file, text }) => [`/${file.replace(/(index)?\.md$/, '')}`, anchorsOf(text)]));
});

function withoutCode(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''));
}

function anchorsOf(text: string): ReadonlySet<string> {
  return new Set(
    [...text.replace(/^( *)```[\s\S]*?^\1```/gm, '').matchAll(/^#{1,6} (.+)$/gm)].map(
      ([, heading = '']) =>
        /\{#([\w-]+)\}\s*$/.exec(heading)?.[1] ?? anchorOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]+>/g, '')),
    ),
  );
}

/** Why a link of a page leads nowhere; nothing if it leads somewhere. */
function fault(file: string, target: string): string | undefined {
  if (/^(https?|mailto):/.test(target)) return undefined;
  const [place = '', anchor] = target.split('#');
  const own = `/${file.replace(/(index)?\.md$/, '')}`;
  const relative = place.startsWith('/') ? place : path.posix.join('/', path.posix.dirname(file), place);
  const address = place === '' ? own : relative.replace(/(index)?\.(md|html)$/, '');
  if (address.startsWith('/reference/api')) return undefined;
  const anchors = addresses.get(address);
  if (anchors === undefined) {
    if (existsSync(path.join(docsFolder, relative)) && /\.\w+$/.test(relative)) return undefined;
    return 'there is no such page';
  }
  return anchor === undefined || anchors.has(anchor) ? undefined : 'the page has no such heading';
}

describe('links of the site', () => {
  it('lead to pages and headings that are there', () => {
    const wrong = pages.flatMap(({ file, text }) =>
      [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target = '']) => {
        const why = fault(file, target);
        return why === undefined ? [] : [`${file}: ${target}: ${why}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('would be found if they did not', () => {
    expect(fault('index.md', '/tutorial/nowhere')).toBe('there is no such page');
    expect(fault('index.md', '/tutorial/#nothing')).toBe('the page has no such heading');
    expect(fault('index.md', '/errors/E_NO_SUCH_CODE')).toBe('there is no such page');
    expect(fault('index.md', '/explanation/memory#what-is-not-there')).toBeUndefined();
  });

  it('elsewhere go to few places, over https', () => {
    const external = new Set(
      pages.flatMap(({ text }) => [...withoutCode(text).matchAll(/\]\((http[^()\s]+)\)/g)].map(([, target = '']) => new URL(target).host)),
    );
    expect([...external].sort()).toEqual(['github.com', 'transformer-circuits.pub', 'www.npmjs.com']);
  });

  it('of the README lead to files', () => {
    const wrong = ['README.md', 'docs/architecture.md'].flatMap((file) =>
      [...withoutCode(readRepositoryFile(file)).matchAll(/\]\(([^()\s#]+)(?:#[^()\s]*)?\)/g)].flatMap(([, target = '']) =>
        /^https?:/.test(target) || existsSync(path.join(repositoryFolder, path.dirname(file), target)) ? [] : [`${file}: ${target}`],
      ),
    );
    expect(wrong).toEqual([]);
  });
});

describe('pages', () => {
  it('are reachable from the navigation', () => {
    const config = readRepositoryFile('docs/.vitepress/config.ts');
    const unreachable = writtenPages()
      .map(({ file }) => `/${file.replace(/(index)?\.md$/, '')}`)
      .filter((address) => address !== '/' && !config.includes(`'${address}'`) && !/^\/(how-to|explanation)\//.test(address));
    expect(unreachable).toEqual([]);
  });

  it('of recipes are listed on their first page', () => {
    const list = readRepositoryFile('docs/how-to/index.md');
    const recipes = readdirSync(path.join(docsFolder, 'how-to'))
      .filter((file) => file !== 'index.md')
      .map((file) => file.replace('.md', ''));
    expect(recipes.filter((recipe) => !list.includes(`(/how-to/${recipe})`))).toEqual([]);
  });

  it('show a repository file where there is a page of it', () => {
    expect(pageOfRepositoryFile('plugins/evaluator-h5')).toBe('/reference/plugins/evaluator-h5');
    expect(pageOfRepositoryFile('docs/results/parity.md')).toBe('/results/parity');
    expect(pageOfRepositoryFile('examples/quickstart/run.mjs')).toBeUndefined();
  });
});
