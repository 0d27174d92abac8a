import ts from 'typescript';
import { readRepositoryFile, sourceFiles } from './repository.js';

/**
 * What the sources say about options: comments above the keys of schemas and above the properties of interfaces. A schema's own comment
 * counts before an interface's, and files named after options before others.
 */
export function optionComments(packageFolder: string): ReadonlyMap<string, string> {
  const files = [...sourceFiles(packageFolder)].sort((a, b) => rank(a) - rank(b));
  // Options of the trainers are declared once, for both.
  if (packageFolder.startsWith('plugins/trainer-'))
    files.push(...sourceFiles('packages/nla').filter((file) => /training\/.*(options|recipe)/.test(file)));
  const inSchemas = new Map<string, string>();
  const inInterfaces = new Map<string, string>();
  for (const file of files) {
    const source = ts.createSourceFile(file, readRepositoryFile(file), ts.ScriptTarget.Latest, true);
    const see = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)) note(inSchemas, node);
      else if (ts.isPropertySignature(node)) note(inInterfaces, node);
      node.forEachChild(see);
    };
    see(source);
  }
  return new Map([...inInterfaces, ...inSchemas]);
}

function rank(file: string): number {
  if (/options\.ts$/.test(file)) return 0;
  return /plugin\.ts$/.test(file) ? 1 : 2;
}

function note(comments: Map<string, string>, node: ts.NamedDeclaration): void {
  const name = node.name?.getText();
  if (name === undefined || comments.has(name)) return;
  const comment = ts
    .getJSDocCommentsAndTags(node)
    .map((doc) => (ts.isJSDoc(doc) ? ts.getTextOfJSDocComment(doc.comment) : undefined))
    .at(-1);
  if (comment !== undefined)
    comments.set(
      name,
      comment
        .replace(/\{@link ([^}]+)\}/g, '`$1`')
        .replace(/\s*\n\s*/g, ' ')
        .trim(),
    );
}
