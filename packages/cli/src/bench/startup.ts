import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { resolveRecipe } from '@nlakit/nla/training';
import { backendArguments } from './backend-arguments.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { builtProgram } from './built-program.js';
import { bundledModelFolder } from './bundled-model-folder.js';
import { measure } from './measure.js';
import { freshPeerProcess } from './fresh-peer-process.js';
import { peerTraining } from './peer-training.js';

/** Makes a process say its peak memory, in bytes, on the last line of standard error. */
const tellPeak =
  'data:text/javascript,import{readFileSync}from"node:fs";process.on("exit",()=>{let kb=process.resourceUsage().maxRSS;' +
  'try{kb=Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status","utf8"))[1])}catch{}process.stderr.write(`\\n${kb*1024}`)})';

const length = 128;

/**
 * Fresh processes: until the program has said its version, until the bundled model has generated its first token, and until it has made
 * its first training step (batch 1 of `tiny-step`). Ours are timed until they have ended, Python's until they have answered.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup, backend } = setting;
  const program = builtProgram();
  const start = promisify(execFile);
  const { signal, cwd } = context.io;
  const onBackend = backendArguments(setting);
  const model = bundledModelFolder();
  const recipe = resolveRecipe({ rank: 16, microBatch: 1, maxLength: length }, 'av');
  const rows: BenchRow[] = [];
  for (const { what, on, args, peer } of [
    { what: 'nla --version', on: 'host', args: ['--version'], peer: undefined },
    {
      what: 'first token of the bundled model',
      on: backend,
      args: [
        'inspect',
        'generate',
        '--model',
        '@nlakit/tiny-gemma4',
        '--tokens',
        '2',
        '--max-new',
        '1',
        '--ignore-eos',
        '--backend',
        backend,
      ],
      peer: { script: 'load.py', settings: { model, prompt: [2], newTokens: 1 } },
    },
    {
      what: 'first training step of the bundled model',
      on: backend,
      args: [
        'bench',
        'tiny-step',
        '--only',
        '#plain, batch 1 of',
        '--length',
        `${length}`,
        '--warmup',
        '0',
        '--repeats',
        '1',
        ...onBackend,
      ],
      peer: { script: 'tiny_step.py', settings: { model, ...peerTraining(recipe) } },
    },
  ]) {
    if (!isWanted(setting, what)) continue;
    let peakBytes = 0;
    const fresh = setting.peer && peer && freshPeerProcess(setting.peer, peer.script, peer.settings);
    const { cpuSeconds: _, ...measured } = await measure(
      async () => {
        const { stderr } = await start(process.execPath, ['--import', tellPeak, program, ...args], { cwd, signal });
        peakBytes = Math.max(peakBytes, Number(stderr.trimEnd().split('\n').at(-1)));
      },
      { repeats, warmup, signal, peer: fresh },
    );
    rows.push({ case: 'startup', what, backend: on, repeats, ...measured, peakBytes });
  }
  return rows;
}

/** `nla bench startup` */
export const startupCase: BenchCase = { name: 'startup', run };
