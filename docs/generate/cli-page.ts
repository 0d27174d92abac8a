import type { Argument, Command, Option } from 'commander';
import { createProgram, type CliIo } from 'nlakit';
import { escapeProse, inlineCode, table } from './markdown.js';
import { generated, type Page } from './page.js';

/** The command line as commander has it; giving it a command does nothing. */
export function silentProgram(): Command {
  const io: CliIo = {
    out: () => undefined,
    error: () => undefined,
    terminal: false,
    interactive: false,
    color: false,
    columns: 100,
    cwd: '.',
    signal: new AbortController().signal,
  };
  return createProgram(io, true, () => async () => undefined);
}

/** A command with the words it is called by: `data build`. */
export interface NamedCommand {
  readonly words: string;
  readonly command: Command;
}

/** The commands that do something, in the order of `nla --help`. */
export function commandsOf(program: Command): readonly NamedCommand[] {
  const below = (command: Command, before: string): readonly NamedCommand[] =>
    command.commands.flatMap((one) => {
      const words = `${before}${one.name()}`;
      return one.commands.length === 0 ? [{ words, command: one }] : below(one, `${words} `);
    });
  return below(program, '');
}

/** The reference of the command line: every command with every argument and option. */
export function cliPage(): Page {
  const program = silentProgram();
  const commands = commandsOf(program);
  const shared = sharedOptions(commands);
  const body = [
    '# Command line',
    `${escapeProse(program.description())} Installed, it is \`nla\` (or \`npx nlakit\`); in the repository, \`npx -y pnpm@10 nla\`.`,
    '## Exit codes',
    table(
      ['code', 'means'],
      [
        ['0', 'done'],
        ['1', 'it ran and failed; the [code of the error](/errors/) is printed'],
        ['2', 'the command, the config or a file is wrong'],
        ['130', 'interrupted; the state is safe, and the same command goes on'],
      ],
    ),
    '## Options of every command',
    table(['option', ''], shared.map(optionRow)),
    'With `--json`, standard output holds one JSON object and nothing else; messages and progress go to standard error. `NO_COLOR` and output that is no terminal are respected.',
    '## Commands',
    table(
      ['command', 'does'],
      commands.map(({ words, command }) => [`[\`nla ${words}\`](#${anchor(words)})`, escapeProse(command.description())]),
    ),
    ...commands.map(({ words, command }) => commandSection(words, command, shared)),
  ].join('\n\n');
  return { file: 'reference/cli.md', text: generated('Command line', 'packages/cli/src/program.ts', body) };
}

/** The anchor of a command on the page. */
function anchor(words: string): string {
  return `nla-${words.replaceAll(' ', '-')}`;
}

function commandSection(words: string, command: Command, shared: readonly Option[]): string {
  const own = command.options.filter((option) => !shared.some(({ long }) => long === option.long));
  const arguments_ = command.registeredArguments;
  const usage = ['nla', words, ...arguments_.map(argumentText), ...(own.length === 0 ? [] : ['[options]'])].join(' ');
  return [
    `### nla ${words} {#${anchor(words)}}`,
    `\`${usage}\``,
    `${escapeProse(sentence(command.description()))}`,
    ...(own.length === 0 ? [] : [table(['option', ''], own.map(optionRow))]),
  ].join('\n\n');
}

function optionRow(option: Option): readonly string[] {
  const choices = option.argChoices === undefined ? '' : `; one of ${option.argChoices.map((choice) => inlineCode(choice)).join(', ')}`;
  const value =
    option.defaultValue === undefined || option.defaultValue === false ? '' : ` (default: ${inlineCode(String(option.defaultValue))})`;
  const needed = option.mandatory ? ' **Required.**' : '';
  return [inlineCode(option.flags), `${escapeProse(option.description)}${choices}${value}${needed}`];
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** The options that every command has. */
function sharedOptions(commands: readonly NamedCommand[]): readonly Option[] {
  const [first, ...others] = commands;
  return (first?.command.options ?? []).filter((option) =>
    others.every(({ command }) => command.options.some(({ long }) => long === option.long)),
  );
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
