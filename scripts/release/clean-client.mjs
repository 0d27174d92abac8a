// Runs package managers and what they installed as on a machine that has never seen this repository.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A command that failed, with what it printed. */
class CommandError extends Error {
  constructor(command, code, output) {
    super(`${command} ended with ${code}\n${output.split('\n').slice(-40).join('\n')}`);
    this.name = 'CommandError';
  }
}

/** This process's environment without what package managers, editors and this repository put into it. */
export function plainEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|pnpm_|xdg_|init_cwd|node_options|node_path|turbo_|vitest)/i.test(name),
  );
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !/node_modules[\\/]\.bin|node-gyp-bin/.test(folder));
  return {
    ...Object.fromEntries(kept),
    PATH: path.join(delimiter),
    CI: '1',
    NO_COLOR: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  };
}

/**
 * An environment with a home, caches and configuration of its own below `folder`, in which `pnpm` is the one that runs this script.
 *
 * @param {string} folder
 * @param {string} npmrc lines of the user's npm configuration
 */
export function cleanEnvironment(folder, npmrc) {
  const home = join(folder, 'home');
  const bin = join(folder, 'bin');
  for (const each of [home, bin]) mkdirSync(each, { recursive: true });
  writeFileSync(join(home, '.npmrc'), npmrc);
  const plain = plainEnvironment();
  const pnpm = process.env.npm_execpath;
  if (pnpm !== undefined && /pnpm/.test(pnpm)) {
    const runner = /\.[cm]?js$/.test(pnpm) ? `"${process.execPath}" "${pnpm}"` : `"${pnpm}"`;
    writeFileSync(join(bin, 'pnpm'), `#!/bin/sh\nexec ${runner} "$@"\n`);
    chmodSync(join(bin, 'pnpm'), 0o755);
  }
  return {
    ...plain,
    HOME: home,
    PATH: [bin, plain.PATH].join(delimiter),
    npm_config_cache: join(folder, 'npm-cache'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_STATE_HOME: join(folder, 'state'),
  };
}

/**
 * Runs a command to its end and returns its standard output. Throws {@link CommandError} if it fails.
 *
 * @param {readonly string[]} command
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal, onError?: (text: string) => void }} options
 */
export async function execute(command, { cwd, env, signal, onError }) {
  const [program, ...commandArguments] = command;
  const child = spawn(program, commandArguments, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGTERM' });
  let out = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    all += text;
    onError?.(text);
  });
  const code = await new Promise((ended, failed) => {
    child.on('error', failed);
    child.on('close', (status, killer) => ended(status ?? killer));
  });
  if (code !== 0) throw new CommandError(command.join(' '), code, all);
  return out;
}
