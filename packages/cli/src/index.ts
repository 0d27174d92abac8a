export { createProgram, runCli } from './program.js';
export type { CommandAction, HandlerOf } from './program.js';
export { processIo } from './io.js';
export type { CliIo } from './io.js';
export { bundledBackends, bundledPlugins, cliHost, knownBackends } from './host.js';
export { createTerminalLogger } from './terminal-logger.js';
export type { TerminalLogger } from './terminal-logger.js';
