import { isNlaError, NlaError } from '@nlakit/core';
import type { RunHost } from '@nlakit/run';
import { Command, CommanderError, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { CommandContext, CommonOptions } from './command-context.js';
import type { CliIo } from './io.js';

/** A command's work; its exit code is 0 unless it says otherwise. */
export type CommandAction<Options> = (context: CommandContext, options: Options, ...args: string[]) => Promise<number | undefined>;

/** What makes the handler of a command from its work, which is imported when it runs: `nla --help` loads none. */
export type HandlerOf = <Options>(load: () => Promise<CommandAction<Options>>) => (...received: unknown[]) => Promise<void>;

/** The command line as commands, arguments and options; `action` decides what happens when one is given. */
export function createProgram(io: CliIo, json: boolean, action: HandlerOf): Command {
  const program = new Command('nla')
    .description('Train, measure and publish natural language autoencoders.')
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: io.out, writeErr: json ? () => undefined : io.error });

  const common = (command: Command): Command =>
    command
      .option('--json', 'print one JSON object on standard output')
      .option('--run-dir <folder>', 'run folder (default: runs/<name of the config>)')
      .option('--backend <use>', 'backend in place of the one in the config')
      .option('--set <path=value>', 'override a value of the config; can be repeated', repeated);

  common(program.command('init [dir]').description('write a config, a .gitignore and a README for a new experiment'))
    .option('--name <name>', 'name of the experiment')
    .option('--model <source>', 'Hub id, folder or data package of the base model')
    .option('--yes', 'take the defaults without asking')
    .action(action(async () => (await import('./commands/init.js')).init));
  common(program.command('quickstart [dir]').description('a whole NLA on the bundled model: data, AR, AV, H5, report, publication'))
    .option('--steps <n>', 'a trial of so many steps on little data: shows that all works, teaches nothing')
    .action(action(async () => (await import('./commands/quickstart.js')).quickstart));
  common(program.command('validate <config>').description('check a config without loading weights')).action(
    action(async () => (await import('./commands/validate.js')).validate),
  );
  common(program.command('doctor').description('what this machine can run, and what a config will need'))
    .option('--config <config>', 'plan memory for this config')
    .option('--model <source>', 'plan memory for this model')
    .action(action(async () => (await import('./commands/doctor.js')).doctor));
  const backend = program.command('backend').description('compute engines that need more than npm');
  common(backend.command('install <engine>').description('tensorflow: find or fetch the library, build the binding, check it'))
    .option('--from <source>', 'folder, wheel, folder of wheels, or a Python that has tensorflow (default: the tested wheel, by pip)')
    .option('--gpu', 'fetch the build for CUDA')
    .action(action(async () => (await import('./commands/backend-install.js')).backendInstall));
  const watched = (command: Command): Command =>
    common(command)
      .option('--live [owner/name]', "publish each checkpoint as it is written, with the config's publisher (default: the name of the run)")
      .option('--events', 'print each event as a line of JSON on standard output while it happens, then the result as one')
      .option('--tensorboard [folder]', 'write TensorBoard event files as well (default: tensorboard/ in the run folder)');
  watched(program.command('run <config>').description('data, AR, AV, evaluation and report; what is done is skipped'))
    .option('--allow-backend-change', 'go on with another backend than the run was made with; recorded')
    .action(action(async () => (await import('./commands/run.js')).run));
  const data = program.command('data').description('the data stage, or one part of it');
  const dataCommands = () => import('./commands/data.js');
  const sharded = (command: Command): Command =>
    common(command).option('--shard <i/n>', 'do only part i of n, from 0; their files are brought together afterwards');
  sharded(data.command('extract <config>').description('read the activations of a corpus; goes on where it stopped')).action(
    action(async () => (await dataCommands()).dataExtract),
  );
  common(data.command('split <config>').description('divide the documents among training and held-out data')).action(
    action(async () => (await dataCommands()).dataSplit),
  );
  sharded(data.command('label <config>').description('ask the labeler for explanations; goes on where it stopped'))
    .option('--dry-run', 'price the job; nothing is read by the model, nobody is asked')
    .action(action(async () => (await dataCommands()).dataLabel));
  common(data.command('build <config>').description('make or check the whole dataset of a config')).action(
    action(async () => (await dataCommands()).dataBuild),
  );
  const release = (command: Command): Command =>
    command
      .option('--preset <name>', 'published release that the file belongs to, checked by ids and hashes')
      .option('--sidecar <file>', "the release's own nla_meta.yaml, for files without one")
      .option('--av-template <file>', 'text file with the AV template, where nothing else states it')
      .option('--ar-template <file>', 'text file with the AR template, where nothing else states it');
  release(common(data.command('stats <path>').description('what is in a data file, a dataset folder or a run')))
    .option(
      '--html [file]',
      'write a data sheet that opens from disk (default: data-sheet.html beside the data, or in the report of a run)',
    )
    .action(action(async () => (await import('./commands/data-stats.js')).dataStatsCommand));
  release(common(data.command('shuffle <file>').description('a control: the same rows with vectors or explanations dealt out anew')))
    .requiredOption('--out <file>', 'the file to write, with its sidecar beside it')
    .addOption(
      new Option('--what <part>', 'what changes places: vectors, explanations, or whole rows (their order alone)')
        .choices(['activations', 'texts', 'rows'])
        .default('activations'),
    )
    .option('--seed <n>', 'seed of the order', '0')
    .action(action(async () => (await import('./commands/data-shuffle.js')).dataShuffle));
  common(data.command('markers').description('which character can stand for a vector in a prompt, and between which tokens'))
    .option('--model <source>', 'Hub id, folder or data package whose tokenizer is asked')
    .option('--av-template <file>', 'text file with the AV template, {injection_char} in its place')
    .option('--ar-template <file>', 'text file with the AR template, {explanation} in its place')
    .option('--sidecar <file>', 'take the templates from this nla_meta.yaml')
    .option('--chat', 'the AV prompt goes through the chat template')
    .option('--marker <character>', 'measure this character only')
    .option('--presets', 'list the published releases that are known')
    .action(action(async () => (await import('./commands/data-markers.js')).dataMarkers));
  watched(program.command('train <config>').description('train; refuses an existing run without --resume'))
    .addOption(new Option('--role <role>', 'train one role only').choices(['av', 'ar']))
    .option('--resume', 'go on from the newest saved state')
    .option('--resume-from <step>', 'go on from the state of this step and let later ones go; 0 begins anew (needs --role)')
    .option('--until-step <n>', 'stop after that step with the state saved')
    .option('--keep-resume <n>', 'how many saved states to keep to resume from (default: 2); checkpoints always stay')
    .option('--allow-backend-change', 'go on with another backend than the run was made with; recorded')
    .action(action(async () => (await import('./commands/run.js')).train));
  common(program.command('eval <folder>').description('evaluate a run or one of its step folders from disk'))
    .option('--evaluator <name>', 'id or name of one evaluator of the run, or a plugin to add')
    .option('--rows <n>', 'number of held-out rows')
    .option('--steps <list>', 'steps to measure: 50,100')
    .action(action(async () => (await import('./commands/eval.js')).evaluate));
  common(
    program
      .command('sweep-layers <config>')
      .description('what the residual stream behind every block holds, in one pass over texts; before K is chosen'),
  )
    .option('--texts <file.jsonl>', 'texts to read: { "text", "document"?, "fields"? } on every line (default: those of the dataset)')
    .option('--label <field>', 'field that a probe is asked for (default: the one with the fewest values)')
    .option('--rows <n>', 'texts', '400')
    .option('--positions <n>', 'positions drawn in each text besides the last', '2')
    .option('--permutations <n>', 'draws of the permutation tests', '1000')
    .option('--out <folder>', 'write table, figure and sweep-layers.json there')
    .action(action(async () => (await import('./commands/sweep-layers.js')).sweepLayers));
  common(
    program
      .command('recheck <path>')
      .description('compute stored summaries from their rows again: an evaluation, an experiment, or a folder'),
  ).action(action(async () => (await import('./commands/recheck.js')).recheck));
  common(
    program
      .command('explain <nla>')
      .description('activation -> explanation -> reconstruction, from a run, a published trajectory, or owner/name[@revision] on the Hub'),
  )
    .option('--text <text>', 'read the activation in this text')
    .option('--position <p>', 'token position in the text, from 0 (default: the last)')
    .option('--vector <file#name>', 'take the activation from a safetensors file')
    .option('--model <source>', 'where the base model lies, if not where the run or the sidecar says')
    .option('--max-new <n>', 'most tokens to write', '160')
    .option('--subfolder <folder>', 'folder of the adapter in the repository, e.g. trajectory/step_000050 (default: the newest)')
    .option('--revision <revision>', 'branch, tag or commit on the Hub (default: main)')
    .option('--ar <reconstructor>', 'folder, or owner/name[@revision][:subfolder], where none lies beside the verbalizer')
    .option('--av-template <file>', 'AV prompt, for a published sidecar that lacks it')
    .option('--ar-template <file>', 'AR prompt, for a published sidecar that lacks it')
    .option('--injection-char <char>', 'marker, for a published sidecar that lacks it')
    .action(action(async () => (await import('./commands/explain.js')).explain));
  common(program.command('report <folder>').description('write card, figures and HTML of a run or a published folder'))
    .option('--data-license <data=licence>', 'licence of a data set, for the card; can be repeated', repeated)
    .option('--tensorboard [folder]', 'write TensorBoard event files instead (default: tensorboard/ in the run folder)')
    .action(action(async () => (await import('./commands/report.js')).report));
  common(
    program
      .command('experiment <file>')
      .description('make the arms of an experiment, compare them and hold the result against its threshold'),
  )
    .option('--dry-run', 'say which runs there are and which would be made, and do nothing')
    .option('--out <folder>', 'folder of table, figures and experiment.json (default: result/ in the run folder)')
    .option('--amend', 'go on although the question was changed after something had been measured; the result says so')
    .action(action(async () => (await import('./commands/experiment.js')).experiment));
  common(
    program.command('lint <folder>').description('look every number, link and folder of a card up; exit code 2 if something is wrong'),
  ).action(action(async () => (await import('./commands/lint.js')).lint));
  common(
    program
      .command('retract <folder>')
      .description('mark steps of a run or a published folder as not to be relied on; they stay, the card says why'),
  )
    .requiredOption('--steps <list>', 'steps of the trajectory: 100,150')
    .option('--reason <text>', 'what is wrong with them')
    .option('--undo', 'take the retraction back; what was said stays in the history')
    .action(action(async () => (await import('./commands/retract.js')).retract));
  common(program.command('publish <run>').description('plan a release, then publish it'))
    .requiredOption('--to <publisher>', 'directory, huggingface, or a publisher plugin')
    .option('--repo <owner/name>', 'repository (default: the name of the run)')
    .option('--hub-url <url>', 'address of the Hub (default: HF_ENDPOINT, else https://huggingface.co)')
    .option('--private', 'a repository that is made now is private')
    .option('--dry-run', 'plan only')
    .option('--data', "the run's data instead: its files of rows with their sidecars, as a dataset")
    .option('--license <id>', 'licence of the data, for its card (with --data)')
    .option('--live', 'go on publishing what another process adds to the run, until it is done')
    .action(action(async () => (await import('./commands/publish.js')).publish));
  common(program.command('pull <owner/name>').description('a base model or an adapter from the Hub into the cache, verified by hash'))
    .option('--subfolder <folder>', 'folder in the repository, e.g. of one adapter')
    .option('--revision <revision>', 'branch, tag or commit (default: main)')
    .addOption(new Option('--type <type>', 'kind of repository').choices(['model', 'dataset']).default('model'))
    .option('--all', 'every file, not only those that nlakit uses')
    .option('--include <pattern>', 'files to fetch instead; can be repeated', repeated)
    .option('--verify', 'read what is cached already and check its hash too')
    .option('--hub-url <url>', 'address of the Hub (default: HF_ENDPOINT, else https://huggingface.co)')
    .option('--token-from-env <name>', 'variable that holds the token (default: HF_TOKEN, else the one of `hf auth login`)')
    .action(action(async () => (await import('./commands/pull.js')).pull));
  common(program.command('plugins').description('which plugins are installed'))
    .option('--config <config>', 'also those a config names')
    .action(action(async () => (await import('./commands/plugins.js')).plugins));
  common(program.command('conformance <plugin>').description('test a plugin of any kind, and say at which level it holds'))
    .option('--options <file>', 'options of the plugin, in YAML or JSON')
    .option('--fixtures <module>', 'module that exports `fixtures`: what the suite is to be told besides (see @nlakit/conformance)')
    .option('--out <file>', 'write the report there: conformance.json belongs into the package')
    .action(action(async () => (await import('./commands/conformance.js')).conformance));

  common(program.command('fake-checkpoint').description('random weights of any supported geometry, for memory and speed checks'))
    .requiredOption('--config <config.json>', "the model's config.json")
    .requiredOption('--out <dir>', 'new folder')
    .option('--seed <n>', 'seed of the weights', '0')
    .action(action(async () => (await import('./commands/fake-checkpoint.js')).fakeCheckpoint));

  common(program.command('quantize').description("pack a checkpoint's linears in NF4, in the layout of transformers and bitsandbytes"))
    .requiredOption('--model <dir>', 'folder of the checkpoint, or a Hub id that was pulled')
    .requiredOption('--out <dir>', 'new folder')
    .option('--double-quant', 'store the absmax values in 8 bits, too')
    .option('--block-size <n>', 'weights that share one absmax', '64')
    .addOption(
      new Option('--compute-dtype <dtype>', 'what the libraries multiply in (default: as stored)').choices([
        'bfloat16',
        'float16',
        'float32',
      ]),
    )
    .option('--max-shard-bytes <n>', 'largest weight file (default: one file)')
    .action(action(async () => (await import('./commands/quantize.js')).quantize));

  common(
    program
      .command('bench [case]')
      .description(
        'time parts of the toolkit: nf4, load, startup, tiny-step, generate, extract, nf4-e2b, extract-e2b, e2b-step; without a case all but the last three',
      ),
  )
    .option('--model <dir>', 'model folder of e2b-step and extract-e2b (default: random weights)')
    .option('--repeats <n>', 'times each thing is measured (default: 5; nf4-e2b, extract-e2b, e2b-step: 1)')
    .option('--warmup <n>', 'times before that do not count (default: 1; e2b-step: 0)')
    .option('--only <text>', 'only what has this text in its description')
    .option('--length <tokens>', 'tokens in a row of the cases that have rows')
    .option('--peer <python>', 'a Python with torch, transformers, peft and bitsandbytes to measure in turn with ours')
    .option('--keep-activations', 'keep them in e2b-step instead of computing them again: faster, and larger')
    .addOption(new Option('--peer-dtype <dtype>', 'what it computes in, in e2b-step (default: bf16)').choices(['bf16', 'f32']))
    .option(
      '--baseline <name>',
      "roof: the engine's own matrix products, and the share of them that a training step reaches; stock: the kernels that the library under the wasm backend ships, in turn with ours",
      repeated,
    )
    .option('--in-turn', 'measure one row, each time when a line comes on standard input, and answer with a line of JSON')
    .option('--profile', 'where the time of a training step goes, kernel by kernel')
    .option('--out <file>', 'write the result there, too')
    .action(action(async () => (await import('./commands/bench.js')).bench));

  const inspect = program.command('inspect').description('look into files, and run one pass over raw ids');
  const pass = (command: Command): Command =>
    common(command)
      .requiredOption('--model <dir>', 'model folder, Hub id or data package')
      .requiredOption('--tokens <ids>', 'token ids with commas; nothing is added')
      .option('--adapter <dir>', 'adapter folder to attach')
      .addOption(new Option('--quantizer <kind>', 'how weights are kept').choices(['none', 'nf4', 'bf16']))
      .addOption(new Option('--scale-dtype <dtype>', 'rounding of the embedding scale').choices(['f32', 'bf16']))
      .addOption(new Option('--ple <ids>', 'per-layer embedding of injected positions').choices(['marker', 'pad']).default('marker'))
      .option('--inject <position=file#name>', 'replace an embedding; can be repeated', repeated);
  pass(inspect.command('logits').description('logits and hidden states of one forward pass'))
    .option('--capture <layers>', 'blocks whose output is wanted')
    .action(action(async () => (await import('./commands/inspect-pass.js')).inspectLogits));
  pass(inspect.command('generate').description('greedy continuation; new tokens only'))
    .option('--max-new <n>', 'number of new tokens', '24')
    .option('--ignore-eos', 'do not stop at the end-of-sequence token')
    .action(action(async () => (await import('./commands/inspect-pass.js')).inspectGenerate));
  common(inspect.command('safetensors <file>').description('header of a safetensors file')).action(
    action(async () => (await import('./commands/inspect-file.js')).inspectSafetensors),
  );
  release(common(inspect.command('sidecar <file>').description('a sidecar of any dialect, normalised, with notes on what was assumed')))
    .option('--upgrade <file>', 'write it in the one schema of today')
    .action(action(async () => (await import('./commands/inspect-sidecar.js')).inspectSidecar));

  return program;
}

/** Runs `nla` with the arguments after the program's name and returns the exit code; never throws. */
export async function runCli(args: readonly string[], io: CliIo, host?: RunHost): Promise<number> {
  let exitCode = 0;
  /** With `--events`, each event is a line of JSON, and so is the result behind them. */
  const json = args.includes('--json') || args.includes('--events');
  const action: HandlerOf =
    <Options>(load: () => Promise<CommandAction<Options>>) =>
    async (...received: unknown[]): Promise<void> => {
      const command = received.at(-1) as Command;
      const positional = received.slice(0, -2).map((value) => String(value ?? ''));
      const options = command.opts<Options & CommonOptions>();
      const [run, { createTerminalLogger }, { cliHost }] = await Promise.all([load(), import('./terminal-logger.js'), import('./host.js')]);
      const log = createTerminalLogger(io);
      try {
        const context: CommandContext = {
          io,
          log,
          host: host ?? cliHost(),
          common: options,
          print: (data, text) => {
            log.end();
            io.out(json ? `${JSON.stringify(data)}\n` : ensureNewline(text()));
          },
        };
        exitCode = (await run(context, options, ...positional)) ?? 0;
      } finally {
        log.end();
      }
    };
  const program = createProgram(io, json, action);

  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? 0 : 2;
      if (json) printError(new NlaError('E_USAGE', { message: error.message.replace(/^error: /, ''), kind: 'input' }), io, true);
      return 2;
    }
    return printError(error, io, json);
  }
}

/** Prints an error and returns its exit code: 2 for wrong input, 130 for an interruption, else 1. */
function printError(error: unknown, io: CliIo, json: boolean): number {
  const known = isNlaError(error);
  const code = known ? error.code : 'E_UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    const { found, expected, fix, file, line, column } = known ? error.details : {};
    io.out(`${JSON.stringify({ error: { code, message, found, expected, fix, file, line, column } })}\n`);
  }
  // Errors nobody foresaw come with the place they were raised at, so that they can be reported.
  const detail = known ? message : ((error instanceof Error ? error.stack : undefined) ?? message);
  io.error(`${code} ${detail}\n`);
  if (code === 'E_INTERRUPTED') return 130;
  return known && error.details.kind === 'input' ? 2 : 1;
}

/** Collects the values of an option that may come several times. */
function repeated(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function ensureNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
