/**
 * Writes the declarations of every package, `src/x.ts` to `dist/x.d.ts`, from one TypeScript program; a program per package would
 * read and check the same sources twenty times. The entries are the sources that `exports` names, so declarations exist for what is
 * public and for what it refers to, and not for tests.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = ['packages', 'plugins'].flatMap((group) =>
  readdirSync(join(root, group))
    .map((name) => join(root, group, name))
    .filter((folder) => existsSync(join(folder, 'package.json'))),
);

/** The sources of a package's entry points. */
function entries(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((target) => target['@nlakit/source'])
    .filter((source) => source !== undefined)
    .map((source) => join(folder, source));
}

/** A declaration of a source that was renamed or removed must not be published. */
function removeDeclarations(folder) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true })) if (name.endsWith('.d.ts')) rmSync(join(folder, name));
}

/** Where the declaration that TypeScript would put beside its source belongs: `p/src/a/b.d.ts` in `p/dist/a/b.d.ts`. */
function destination(file) {
  const folder = packages.find((candidate) => file.startsWith(join(candidate, 'src') + sep));
  if (folder === undefined) throw new Error(`${file} lies outside the sources of a package`);
  return join(folder, 'dist', file.slice(join(folder, 'src').length));
}

function stopOn(diagnostics) {
  if (diagnostics.length === 0) return;
  const host = { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => '\n' };
  process.stderr.write(ts.formatDiagnostics(diagnostics, host));
  process.exit(1);
}

const { config, error } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
stopOn(error ? [error] : []);
const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
stopOn(errors);
const program = ts.createProgram(packages.flatMap(entries), {
  ...options,
  rootDir: root,
  outDir: root,
  sourceMap: false,
  emitDeclarationOnly: true,
});
stopOn(ts.getPreEmitDiagnostics(program));

for (const folder of packages) removeDeclarations(join(folder, 'dist'));
const { diagnostics } = program.emit(undefined, (file, text) => {
  const target = destination(file.split('/').join(sep));
  mkdirSync(dirname(target), { recursive: true });
  // A generated source imported for its effect is bundled into the JavaScript and has no types.
  writeFileSync(target, text.replace(/^import '[^']*\/generated\/[^']*';\n/gm, ''));
});
stopOn(diagnostics);
