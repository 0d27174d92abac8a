import ts from 'typescript';
import { readRepositoryFile, sourceFiles, workspacePackages } from './repository.js';

/** One place in the sources that raises an error. Texts have `‹name›` where a value is filled in. */
export interface ErrorPlace {
  readonly file: string;
  readonly line: number;
  readonly message?: string;
  readonly found?: string;
  readonly expected?: string;
  readonly fix?: string;
  readonly kind?: string;
}

/** An error code with every place that raises it. */
export interface ErrorCode {
  readonly code: string;
  readonly places: readonly ErrorPlace[];
}

const isCode = /^E_[A-Z0-9]+(?:_[A-Z0-9]+)*$/;

/** The code that the CLI prints for what is no `NlaError`. */
const unexpected: ErrorCode = {
  code: 'E_UNEXPECTED',
  places: [
    { file: 'packages/cli/src/program.ts', line: 1, message: '‹the error of a library or of Node, with the place it was raised at›' },
  ],
};

type Texts = Record<string, string>;

/** A function that raises an error of the code, or with the details, that it is given. */
interface Helper {
  /** The code, where the function has its own. */
  readonly codes: readonly string[];
  readonly name: string;
  readonly file: string;
  readonly parameters: readonly ts.ParameterDeclaration[];
  readonly details: ts.Expression | undefined;
}

/** All error codes that the sources of packages and plugins raise, by code. */
export function collectErrors(): readonly ErrorCode[] {
  const files = workspacePackages()
    .filter(({ published }) => published)
    .flatMap(({ folder }) => sourceFiles(folder))
    .map((file) => ts.createSourceFile(file, readRepositoryFile(file), ts.ScriptTarget.Latest, true));
  const helpers = files.flatMap(helpersOf);
  const places = new Map<string, ErrorPlace[]>();
  for (const source of files) {
    visit(source, (node) => {
      for (const [code, texts] of raisedAt(node, source, helpers)) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
        const place: ErrorPlace = { file: source.fileName, line: line + 1, ...texts };
        places.set(code, [...(places.get(code) ?? []), place]);
      }
    });
  }
  const found = [...places].map(([code, all]) => ({ code, places: all }));
  return [...found, unexpected].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** Codes that a node raises: `new NlaError(code, { … })`, or a call of a helper with a code among its arguments. */
function raisedAt(node: ts.Node, source: ts.SourceFile, helpers: readonly Helper[]): readonly (readonly [string, Texts])[] {
  if (ts.isNewExpression(node) && node.expression.getText(source) === 'NlaError') {
    const [code, details] = node.arguments ?? [];
    return codesIn(code).map((one) => [one, textsOf(details, new Map())]);
  }
  if (ts.isObjectLiteralExpression(node)) return findingAt(node);
  if (ts.isCallExpression(node)) {
    const codes = node.arguments.flatMap((argument) =>
      ts.isStringLiteral(argument) || ts.isConditionalExpression(argument) ? codesIn(argument) : [],
    );
    const name = node.expression.getText(source).split('.').at(-1) ?? '';
    const helper =
      helpers.find((one) => one.name === name && one.file === source.fileName) ??
      helpers.find((one) => one.name === name && one.codes.length === 0);
    if (helper === undefined) return [];
    const values = new Map<string, ts.Expression>();
    helper.parameters.forEach((parameter, index) => {
      const value = node.arguments[index] ?? parameter.initializer;
      if (value !== undefined) values.set(parameter.name.getText(), value);
    });
    return (helper.codes.length > 0 ? helper.codes : codes).map((code) => [code, textsOf(helper.details, values)]);
  }
  return [];
}

/** A finding as data: `{ code: 'E_…', found, expected }`. */
function findingAt(node: ts.ObjectLiteralExpression): readonly (readonly [string, Texts])[] {
  const code = node.properties.find((property) => ts.isPropertyAssignment(property) && property.name.getText() === 'code');
  if (code === undefined || !ts.isPropertyAssignment(code)) return [];
  return codesIn(code.initializer).map((one) => [one, { kind: 'input', ...textsOf(node, new Map()) }]);
}

/** The name that an object literal spreads, if it does. */
function spreadName(details: ts.Expression): string | undefined {
  if (!ts.isObjectLiteralExpression(details)) return undefined;
  const spread = details.properties.find((property) => ts.isSpreadAssignment(property) && ts.isIdentifier(property.expression));
  return spread === undefined || !ts.isSpreadAssignment(spread) ? undefined : spread.expression.getText();
}

/** Functions whose body raises an error of a code that is one of their parameters. */
function helpersOf(source: ts.SourceFile): readonly Helper[] {
  const found: Helper[] = [];
  visit(source, (node) => {
    if (!ts.isNewExpression(node) || node.expression.getText(source) !== 'NlaError') return;
    const [code, details] = node.arguments ?? [];
    if (code === undefined || details === undefined) return;
    const codes = codesIn(code);
    // With a code of its own, what the caller adds are the details.
    const given = codes.length === 0 ? (ts.isIdentifier(code) ? code.text : undefined) : spreadName(details);
    if (given === undefined) return;
    for (let outer: ts.Node = node.parent; outer !== source; outer = outer.parent) {
      if (
        !ts.isFunctionDeclaration(outer) &&
        !ts.isArrowFunction(outer) &&
        !ts.isFunctionExpression(outer) &&
        !ts.isMethodDeclaration(outer)
      )
        continue;
      if (!outer.parameters.some((parameter) => parameter.name.getText(source) === given)) continue;
      const name =
        outer.name?.getText(source) ??
        (ts.isVariableDeclaration(outer.parent) || ts.isPropertyAssignment(outer.parent) ? outer.parent.name.getText(source) : undefined);
      if (name !== undefined) found.push({ name, codes, file: source.fileName, parameters: outer.parameters, details });
      return;
    }
  });
  return found;
}

/** The texts of a details object, with a helper's parameters replaced by what it was called with. */
function textsOf(details: ts.Expression | undefined, values: ReadonlyMap<string, ts.Expression>): Texts {
  const texts: Texts = {};
  if (details === undefined) return texts;
  if (ts.isIdentifier(details) && values.has(details.text)) return textsOf(values.get(details.text), new Map());
  if (!ts.isObjectLiteralExpression(details)) return texts;
  for (const property of details.properties) {
    if (ts.isSpreadAssignment(property)) {
      const spread = property.expression;
      const inner = ts.isParenthesizedExpression(spread) ? spread.expression : spread;
      if (ts.isIdentifier(inner) || ts.isObjectLiteralExpression(inner)) Object.assign(texts, textsOf(inner, values));
      else if (ts.isConditionalExpression(inner)) {
        for (const side of [inner.whenTrue, inner.whenFalse])
          for (const [key, text] of Object.entries(textsOf(side, values))) texts[key] ??= text;
      } else if (ts.isBinaryExpression(inner)) Object.assign(texts, textsOf(inner.right, values));
      continue;
    }
    const key = property.name?.getText();
    if (key === undefined || !['message', 'found', 'expected', 'fix', 'kind'].includes(key)) continue;
    const value = ts.isPropertyAssignment(property)
      ? property.initializer
      : ts.isShorthandPropertyAssignment(property)
        ? (values.get(key) ?? property.name)
        : undefined;
    const text = value === undefined ? undefined : alternatives(value, values);
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

/** Stands between the texts of which one will be shown. */
export const OR = ' ‖ ';

/** Like {@link textOf}, with the sides of a condition kept apart. */
function alternatives(expression: ts.Expression, values: ReadonlyMap<string, ts.Expression>): string | undefined {
  if (ts.isParenthesizedExpression(expression)) return alternatives(expression.expression, values);
  if (!ts.isConditionalExpression(expression)) return textOf(expression, values);
  const sides = [expression.whenTrue, expression.whenFalse].map((side) => alternatives(side, values)).filter((side) => side !== undefined);
  return sides.length === 0 ? undefined : sides.join(OR);
}

/** A text as a reader will see it, with `‹name›` for what is filled in. */
function textOf(expression: ts.Expression, values: ReadonlyMap<string, ts.Expression>): string | undefined {
  if (ts.isStringLiteralLike(expression)) return expression.text;
  if (ts.isParenthesizedExpression(expression) || ts.isAsExpression(expression) || ts.isNonNullExpression(expression))
    return textOf(expression.expression, values);
  if (ts.isTemplateExpression(expression)) {
    return (
      expression.head.text + expression.templateSpans.map((span) => (textOf(span.expression, values) ?? '…') + span.literal.text).join('')
    );
  }
  if (ts.isConditionalExpression(expression)) {
    const sides = [expression.whenTrue, expression.whenFalse]
      .map((side) => textOf(side, values))
      .filter((side) => side !== undefined && side !== '');
    return sides.length === 0 ? undefined : sides.join(' / ');
  }
  if (ts.isBinaryExpression(expression)) {
    const [left, right] = [textOf(expression.left, values), textOf(expression.right, values)];
    if (expression.operatorToken.kind === ts.SyntaxKind.PlusToken) return `${left ?? '…'}${right ?? '…'}`;
    return left ?? right;
  }
  if (ts.isIdentifier(expression)) {
    if (expression.text === 'undefined') return undefined;
    const value = values.get(expression.text);
    return value === undefined ? `‹${words(expression.text)}›` : textOf(value, new Map());
  }
  if (ts.isPropertyAccessExpression(expression)) return `‹${words(expression.name.text)}›`;
  if (ts.isElementAccessExpression(expression)) return '‹…›';
  if (ts.isCallExpression(expression)) {
    const [argument] = expression.arguments;
    const name = expression.expression.getText().split('.').at(-1) ?? '';
    if (['String', 'JSON.stringify', 'stringify', 'Number', 'resolve'].includes(name) && argument !== undefined)
      return textOf(argument, values);
    if (
      ['join', 'toFixed', 'map', 'toString', 'slice', 'trim', 'sort'].includes(name) &&
      ts.isPropertyAccessExpression(expression.expression)
    ) {
      return textOf(expression.expression.expression, values);
    }
    return `‹${words(name)}›`;
  }
  return '‹…›';
}

/** `outputFolder` → `output folder`. */
function words(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`);
}

function codesIn(expression: ts.Expression | undefined): readonly string[] {
  if (expression === undefined) return [];
  if (ts.isStringLiteral(expression)) return isCode.test(expression.text) ? [expression.text] : [];
  if (ts.isConditionalExpression(expression)) return [...codesIn(expression.whenTrue), ...codesIn(expression.whenFalse)];
  if (ts.isParenthesizedExpression(expression)) return codesIn(expression.expression);
  return [];
}

/** Every code that the sources name in a string, raised or not: what {@link collectErrors} is checked against. */
export function namedCodes(): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const { folder } of workspacePackages().filter(({ published }) => published)) {
    for (const file of sourceFiles(folder)) {
      const source = ts.createSourceFile(file, readRepositoryFile(file), ts.ScriptTarget.Latest, true);
      visit(source, (node) => {
        if (ts.isStringLiteralLike(node) && isCode.test(node.text) && !named.has(node.text))
          named.set(node.text, `${file}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`);
      });
    }
  }
  return named;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}
