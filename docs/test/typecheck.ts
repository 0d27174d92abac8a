import path from 'node:path';
import ts from 'typescript';
import { docsFolder, repositoryFolder } from '../generate/repository.js';

/** A piece of TypeScript and where it stands. */
export interface Source {
  readonly name: string;
  readonly code: string;
  /** Its name as a file, where others import it. */
  readonly file?: string;
}

/** Type errors of sources, each with its place, as if they were files in `docs/`, under the settings of the repository. */
export function typecheck(sources: readonly Source[]): readonly string[] {
  const { config } = ts.readConfigFile(path.join(repositoryFolder, 'tsconfig.base.json'), (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repositoryFolder);
  const files = new Map(sources.map((source, index) => [path.join(docsFolder, source.file ?? `sample-${String(index)}.ts`), source]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists.call(host, file);
  host.readFile = (file) => files.get(file)?.code ?? readFile.call(host, file);
  host.getSourceFile = (file, language, ...rest) => {
    const source = files.get(file);
    return source === undefined ? getSourceFile.call(host, file, language, ...rest) : ts.createSourceFile(file, source.code, language);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true, declaration: false }, host);
  return [...files].flatMap(([file, { name }]) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(({ start, messageText }) => {
      const line = start === undefined || source === undefined ? 1 : source.getLineAndCharacterOfPosition(start).line + 1;
      return `${name}, line ${String(line)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}
