import path from 'node:path';
import { workspacePackages } from './repository.js';

/** The page of the site that shows a file of the repository, from the site's root; undefined if none does. */
export function pageOfRepositoryFile(file: string): string | undefined {
  const clean = file.replace(/\/$/, '');
  if (clean === 'README.md' || clean === '.') return '/';
  if (clean === 'docs/results' || clean === 'docs/results/README.md') return '/results/';
  if (clean.startsWith('docs/') && clean.endsWith('.md')) return `/${clean.slice('docs/'.length, -'.md'.length)}`;
  const folder = clean.replace(/\/README\.md$/, '');
  return workspacePackages().some((one) => one.published && one.folder === folder) ? `/reference/${folder}` : undefined;
}

/**
 * A README's text with its links changed for the site: links to what has a page lead there, links to other files of the repository
 * become code with the path, links elsewhere stay.
 */
export function rewriteLinks(text: string, file: string): string {
  return text
    .split(/(```[\s\S]*?```)/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/\[((?:`[^`]*`|[^[\]])+)\]\(([^()\s]+)\)/g, (whole, label: string, target: string) => {
            if (/^(https?:|mailto:|#)/.test(target)) return whole;
            const [place = '', anchor] = target.split('#');
            const repositoryPath = path.posix.normalize(path.posix.join(path.posix.dirname(file), place));
            const page = pageOfRepositoryFile(repositoryPath);
            if (page !== undefined) return `[${label}](${page}${anchor === undefined ? '' : `#${anchor}`})`;
            return label.includes(repositoryPath) ? label : `${label} (\`${repositoryPath}\`)`;
          }),
    )
    .join('');
}
