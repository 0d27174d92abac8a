import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type DefaultTheme } from 'vitepress';
import { withFigures } from '../generate/stated-figures.js';

const docs = fileURLToPath(new URL('..', import.meta.url));
const results = path.join(docs, 'results');

/** The pages of a folder as entries of the sidebar: those named `first`, then the others by name. */
function pagesIn(folder: string, first: readonly string[] = []): DefaultTheme.SidebarItem[] {
  const full = path.join(docs, folder);
  const place = (file: string): number =>
    first.includes(file.replace(/\.md$/, '')) ? first.indexOf(file.replace(/\.md$/, '')) : first.length;
  if (!existsSync(full)) return [];
  return readdirSync(full)
    .filter((file) => file.endsWith('.md') && file !== 'index.md')
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
    .map((file) => ({ text: titleOf(path.join(full, file)), link: `/${folder}/${file.replace(/\.md$/, '')}` }));
}

function titleOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  return (/^title: "(.*)"$/m.exec(text)?.[1] ?? /^# (.*)$/m.exec(text)?.[1] ?? path.basename(file, '.md'))
    .replace(/\\/g, '')
    .replace(/^@nlakit\//, '');
}

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: 'Tutorial',
    items: [
      { text: 'From zero to a published trajectory', link: '/tutorial/' },
      { text: 'The Gemma-4-E2B trajectory', link: '/tutorial/gemma4-e2b' },
    ],
  },
  {
    text: 'How to',
    items: pagesIn('how-to', [
      'own-corpus',
      'label-with-a-chat-model',
      'choose-a-layer',
      'experiment',
      'judge',
      'swap-a-backend',
      'benchmark',
      'write-an-evaluator',
      'write-a-plugin',
      'resume',
      'publish',
      'retract',
      'read-an-adapter',
      'published-numbers',
    ]),
  },
  {
    text: 'Explanation',
    items: [
      ...pagesIn('explanation', ['h5', 'floor', 'fve', 'scales', 'guard', 'memory', 'segments', 'resume', 'engines']),
      { text: 'Architecture', link: '/architecture' },
    ],
  },
  {
    text: 'Compare',
    items: [
      { text: 'With kitft, EasyNLA and Python', link: '/comparison' },
      { text: 'Measured figures', link: '/results/' },
      { text: 'Engines side by side', link: '/results/engines' },
      { text: 'Beside the Python stack', link: '/results/benchmarks' },
      { text: 'Parity', link: '/results/parity' },
      { text: 'A generated card', link: '/results/tiny-trajectory/' },
    ],
  },
];

const reference: DefaultTheme.SidebarItem[] = [
  {
    text: 'Reference',
    items: [
      { text: 'Command line', link: '/reference/cli' },
      { text: 'Config', link: '/reference/config' },
      { text: 'Run folder', link: '/reference/run-folder' },
      { text: 'Sidecar', link: '/reference/sidecar' },
      { text: 'Formats', link: '/reference/formats' },
      { text: 'Errors', link: '/errors/' },
    ],
  },
  { text: 'Plugins', collapsed: false, items: pagesIn('reference/plugins') },
  { text: 'Packages', collapsed: true, items: pagesIn('reference/packages') },
  { text: 'API', collapsed: true, items: [{ text: 'All modules', link: '/reference/api/' }, ...pagesIn('reference/api')] },
];

export default defineConfig({
  lang: 'en',
  title: 'nlakit',
  description: 'Train, measure and publish natural language autoencoders in TypeScript.',
  base: process.env['DOCS_BASE'] ?? '/',
  srcExclude: ['node_modules/**', 'generate/**', 'test/**'],
  rewrites: { 'results/README.md': 'results/index.md', 'results/tiny-trajectory/README.md': 'results/tiny-trajectory/index.md' },
  cleanUrls: false,
  lastUpdated: false,
  metaChunk: true,
  markdown: {
    theme: { light: 'github-light', dark: 'github-dark' },
    config(md) {
      md.core.ruler.before('normalize', 'stated-figures', (state) => {
        state.src = withFigures(state.src, results);
      });
    },
  },
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${process.env['DOCS_BASE'] ?? '/'}mark.svg` }]],
  themeConfig: {
    logo: '/mark.svg',
    nav: [
      { text: 'Tutorial', link: '/tutorial/', activeMatch: '/tutorial/' },
      { text: 'How to', link: '/how-to/', activeMatch: '/how-to/' },
      { text: 'Reference', link: '/reference/cli', activeMatch: '/(reference|errors)/' },
      { text: 'Explanation', link: '/explanation/h5', activeMatch: '/explanation/' },
      { text: 'Comparison', link: '/comparison' },
    ],
    sidebar: { '/reference/': reference, '/errors/': reference, '/': guide },
    outline: { level: [2, 3] },
    search: {
      provider: 'local',
      options: {
        detailedView: true,
        _render: (source, env, md) => (env.relativePath.startsWith('reference/api/') ? '' : md.render(source, env)),
      },
    },
    footer: { message: 'Apache-2.0' },
  },
  /** Pages of errors and of results have a look of their own; tables of results get the room of the outline. */
  transformPageData({ relativePath, frontmatter }) {
    const [folder = ''] = relativePath.split('/');
    if (folder === 'errors' || folder === 'results') frontmatter['pageClass'] = folder;
    if (folder === 'results') frontmatter['aside'] = false;
  },
  /** Data and the standalone report go beside the pages that cite them. */
  buildEnd({ outDir }) {
    cpSync(results, path.join(outDir, 'results'), { recursive: true, filter: (file) => !file.endsWith('.md') });
  },
});
