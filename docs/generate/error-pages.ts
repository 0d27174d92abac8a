import YAML from 'yaml';
import { collectErrors, OR, type ErrorCode, type ErrorPlace } from './collect-errors.js';
import { escapeProse } from './markdown.js';
import { generated, type Page } from './page.js';
import { pageOfRepositoryFile } from './repository-links.js';
import { readRepositoryFile, workspacePackages } from './repository.js';

/** What is said about codes by hand, by code. */
export function errorNotes(): ReadonlyMap<string, string> {
  return new Map(Object.entries(YAML.parse(readRepositoryFile('docs/generate/error-notes.yaml')) as Record<string, string>));
}

/** One page for each code, and the list of them. */
export function errorPages(): readonly Page[] {
  const errors = collectErrors();
  const notes = errorNotes();
  return [indexPage(errors), ...errors.map((error) => errorPage(error, notes.get(error.code)))];
}

/** What a code's places and notes tell a reader to do; empty if they tell nothing. */
export function adviceOf({ places }: ErrorCode, note: string | undefined): readonly string[] {
  return [...(note === undefined ? [] : [note]), ...fixesOf(places)];
}

function fixesOf(places: readonly ErrorPlace[]): readonly string[] {
  return [...new Set(places.flatMap(({ fix }) => fix?.split(OR) ?? []))];
}

function errorPage(error: ErrorCode, note: string | undefined): Page {
  const { code, places } = error;
  const fixes = fixesOf(places);
  const body = [
    `# ${code}`,
    exitCode(places),
    '## What it says',
    ...distinct(places).map(messageBlock),
    '## What to do',
    ...(note === undefined ? [] : [note]),
    ...(fixes.length === 0
      ? []
      : [fixes.length === 1 ? escapeProse(fixes[0] ?? '') : fixes.map((fix) => `- ${escapeProse(fix)}`).join('\n')]),
    '## Where it comes from',
    [...new Set(places.map(({ file }) => file))].map((file) => `- ${packageLink(file)}, \`${file}\``).join('\n'),
  ].join('\n\n');
  return { file: `errors/${code}.md`, text: generated(code, places[0]?.file ?? 'packages/cli/src/program.ts', body) };
}

/** Different messages only; the same one is often raised at several places. */
function distinct(places: readonly ErrorPlace[]): readonly ErrorPlace[] {
  return places.filter(
    ({ message, expected }, index) => places.findIndex((other) => other.message === message && other.expected === expected) === index,
  );
}

function messageBlock({ message, found, expected, fix }: ErrorPlace): string {
  const shown = (text: string): string => text.split(OR).join('  — or: ');
  const lines = [
    message ?? '‹what is at fault, with file and line›',
    ...(found === undefined ? [] : [`  found:    ${found}`]),
    ...(expected === undefined ? [] : [`  expected: ${expected}`]),
    ...(fix === undefined ? [] : [`  to do:    ${fix}`]),
  ];
  return `\`\`\`text\n${lines.map(shown).join('\n')}\n\`\`\``;
}

function exitCode(places: readonly ErrorPlace[]): string {
  const kinds = new Set(places.map(({ kind }) => (kind === 'input' ? 'input' : 'failure')));
  if (places.some(({ file }) => file === 'any')) return 'Exit code 1.';
  if (kinds.size === 2) return 'Exit code 2 where the command, the config or a file is at fault, else 1.';
  return kinds.has('input') ? 'Exit code 2: the command, the config or a file is at fault.' : 'Exit code 1: it ran and failed.';
}

function packageLink(file: string): string {
  const one = workspacePackages().find(({ folder }) => file.startsWith(`${folder}/`));
  const page = one === undefined ? undefined : pageOfRepositoryFile(one.folder);
  return one === undefined ? '' : page === undefined ? `\`${one.name}\`` : `[\`${one.name}\`](${page})`;
}

function indexPage(errors: readonly ErrorCode[]): Page {
  const groups = new Map<string, ErrorCode[]>();
  for (const error of errors) {
    const word = error.code.split('_')[1] ?? '';
    groups.set(word, [...(groups.get(word) ?? []), error]);
  }
  const single = [...groups].filter(([, members]) => members.length === 1).flatMap(([, members]) => members);
  const sections = [...groups].filter(([, members]) => members.length > 1);
  const list = (members: readonly ErrorCode[]): string =>
    members
      .map(
        ({ code, places }) =>
          `- [${code}](/errors/${code}): ${escapeProse((places.find(({ message }) => message !== undefined && !message.startsWith('‹'))?.message ?? places[0]?.message ?? '').split(OR)[0] ?? '')}`,
      )
      .join('\n');
  const body = [
    '# Errors',
    `Every error that nlakit raises on purpose has a code that does not change, and says what was found, what was expected and what to do. There are ${String(errors.length)}, and each has a page. With \`--json\` they come as \`{"error":{"code":…,"message":…,"found":…,"expected":…,"fix":…}}\` on standard output.`,
    'In code, recognise them with `isNlaError(error)` and `error.code`, never with `instanceof`: two copies of `@nlakit/core` may be installed.',
    ...sections.map(([word, members]) => `## E_${word}\n\n${list(members)}`),
    `## Others\n\n${list(single)}`,
  ].join('\n\n');
  return { file: 'errors/index.md', text: generated('Errors', 'the sources of all packages', body) };
}
