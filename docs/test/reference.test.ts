import { describe, expect, it } from 'vitest';
import { collectErrors, namedCodes } from '../generate/collect-errors.js';
import { cliPage, commandsOf, silentProgram } from '../generate/cli-page.js';
import { adviceOf, errorNotes, errorPages } from '../generate/error-pages.js';
import { inlineCode } from '../generate/markdown.js';
import { loadPlugins, packagePages } from '../generate/plugin-pages.js';
import { readRepositoryFile, sourceFiles, workspacePackages } from '../generate/repository.js';

describe('errors', () => {
  const errors = collectErrors();
  const notes = errorNotes();
  const codes = new Set(errors.map(({ code }) => code));

  it('are all collected: a code that the sources name is raised somewhere', () => {
    expect(errors.length).toBeGreaterThan(200);
    // The signal's reason may be an error with that code; it is looked for, and never raised.
    const missing = [...namedCodes()].filter(([code]) => !codes.has(code) && code !== 'E_ABORTED');
    expect(missing, 'docs/generate/collect-errors.ts does not see how these are raised').toEqual([]);
  });

  it('have a page each, with a message', () => {
    const files = new Set(errorPages().map(({ file }) => file));
    expect(errors.map(({ code }) => `errors/${code}.md`).filter((file) => !files.has(file))).toEqual([]);
    const silent = errors.filter(({ code, places }) => places.every(({ message }) => message === undefined) && !notes.has(code));
    expect(silent.map(({ code }) => code)).toEqual([]);
  });

  it('say what to do: in the error itself, or in docs/generate/error-notes.yaml', () => {
    const helpless = errors.filter((error) => adviceOf(error, notes.get(error.code)).length === 0);
    expect(helpless.map(({ code, places }) => `${code} (${places[0]?.file ?? ''})`)).toEqual([]);
  });

  it('are still raised where a note is kept about them', () => {
    expect([...notes.keys()].filter((code) => !codes.has(code))).toEqual([]);
  });

  it('are read with what is filled in, also through helpers', () => {
    const [place] = errors.find(({ code }) => code === 'E_SEED')?.places ?? [];
    expect(place?.message).toBe('The seed is no whole number from 0.');
    expect(errors.find(({ code }) => code === 'E_EVALUATOR_UNKNOWN')?.places[0]).toMatchObject({
      kind: 'input',
      fix: 'Name one of these, or a plugin to be added.',
    });
  });
});

describe('command line', () => {
  it('lists every command with every option', () => {
    const { text } = cliPage();
    const commands = commandsOf(silentProgram());
    expect(commands.length).toBeGreaterThan(15);
    for (const { words, command } of commands) {
      expect(text).toContain(`### nla ${words} {#`);
      for (const option of command.options) expect(text).toContain(inlineCode(option.flags));
    }
  });
});

describe('plugins and packages', () => {
  it('have a page each, with every option said in words', async () => {
    const plugins = await loadPlugins();
    const pages = packagePages(plugins);
    const published = workspacePackages().filter((one) => one.published);
    expect(pages.length).toBe(published.length);
    // A row of an option ends with its meaning.
    const silent = pages.flatMap(({ file, text }) =>
      [...text.matchAll(/^\| (<code>\w+<\/code>) \| [^|]* \| [^|]* \| {2}\|$/gm)].map(([, option = '']) => `${file}: ${option}`),
    );
    expect(silent, 'Add a comment above these options in the plugin.').toEqual([]);
  });
});

describe('sidecar', () => {
  it('lists every key that is written', () => {
    const source = readRepositoryFile('packages/sidecar/src/write-sidecar.ts');
    expect(sourceFiles('packages/sidecar')).toContain('packages/sidecar/src/write-sidecar.ts');
    const page = readRepositoryFile('docs/reference/sidecar.md');
    const keys = [...source.matchAll(/^\s{4}(?:\.\.\.(?:optional|nonEmpty)\(\s*'(\w+)'|([a-z_]+):)/gm)].map(
      ([, one, other]) => one ?? other ?? '',
    );
    expect(keys.length).toBeGreaterThan(35);
    // `compat` is an option of the YAML library.
    expect([...new Set(keys)].filter((key) => key !== 'compat' && !page.includes(`\`${key}\``))).toEqual([]);
  });
});
