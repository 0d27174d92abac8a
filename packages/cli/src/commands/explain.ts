import { blockOutput, NlaError, type Model } from '@nlakit/core';
import { openRun, reopenSession, type OpenedRun } from '@nlakit/run';
import { overridesOf, runTarget, usage, wholeNumber, type CommandContext } from '../command-context.js';
import { readVector } from '../read-vector.js';

interface Activation {
  readonly vector: Float32Array;
  readonly position?: number;
  readonly token?: string;
}

/** `nla explain`: activation to explanation to reconstruction. */
export async function explain(
  context: CommandContext,
  options: { readonly text?: string; readonly position?: string; readonly vector?: string; readonly maxNew: string },
  folder = '',
): Promise<undefined> {
  const { io, host, log } = context;
  if ((options.text === undefined) === (options.vector === undefined)) {
    throw usage('--text and --vector', options.text === undefined ? 'neither' : 'both', 'one of them');
  }
  const maxNewTokens = wholeNumber(options.maxNew, '--max-new');
  const target = await runTarget(folder, context);
  if (target.role === 'ar') throw usage('The folder', folder, 'a run folder or a step of its trajectory');
  const run = await openRun(target.runFolder);
  const step = target.step ?? (await newestStep(run, 'av'));
  const reconstructorStep = await newestStep(run, 'ar');
  const session = await reopenSession(target.runFolder, { host, log, signal: io.signal, overrides: overridesOf(context) });
  try {
    const { openReconstructor, openVerbalizer, roundTrip } = await import('@nlakit/nla');
    const model = await session.parts.model();
    const verbalizer = await openVerbalizer({ folder: run.layout.checkpoint('av', step), model, injector: await session.parts.injector() });
    const reconstructor = await openReconstructor({ folder: run.layout.checkpoint('ar', reconstructorStep), model });
    try {
      const activation =
        options.text === undefined
          ? { vector: await readVector(options.vector ?? '', io.cwd, '--vector') }
          : await readActivation(model, options.text, options.position, verbalizer.contract.layer);
      const [result] = await roundTrip({ verbalizer, reconstructor }, [activation.vector], { maxNewTokens, signal: io.signal });
      if (result === undefined) throw new NlaError('E_EXPLAIN', { message: 'The verbalizer gave no result.' });
      const variance = (verbalizer.sidecar.baselines ?? reconstructor.sidecar.baselines)?.rawvar;
      // Of unit vectors: squared error 2 (1 - cos), over the variance of the training vectors.
      const fve = variance === undefined || variance <= 0 ? undefined : 1 - (2 * (1 - result.cosine)) / variance;
      const found = {
        explanation: result.explanation,
        output: result.text,
        cos: result.cosine,
        ...(fve === undefined ? {} : { fve }),
        ...(activation.position === undefined ? {} : { position: activation.position, token: activation.token }),
        step,
        reconstructorStep,
      };
      context.print(found, () =>
        [
          ...(activation.position === undefined ? [] : [`read at token ${activation.position}: ${JSON.stringify(activation.token)}`]),
          found.explanation ?? `(no explanation; the output was ${JSON.stringify(found.output)})`,
          `cos ${found.cos.toFixed(3)}${fve === undefined ? '' : `  fve ${fve.toFixed(3)}`}  (step ${step})`,
        ].join('\n'),
      );
    } finally {
      reconstructor.dispose();
      verbalizer.dispose();
    }
  } finally {
    await session.dispose();
  }
  return undefined;
}

async function newestStep(run: OpenedRun, role: 'av' | 'ar'): Promise<number> {
  const step = (await run.steps(role)).at(-1);
  if (step !== undefined) return step;
  throw new NlaError('E_STEP_MISSING', {
    message: `The run has no ${role.toUpperCase()} checkpoint yet.`,
    file: run.layout.checkpoints(role),
    fix: `Train it: nla train <config> --role ${role}.`,
    kind: 'input',
  });
}

/** The output of block `layer` at one token of a text (the last by default). */
async function readActivation(model: Model, text: string, position: string | undefined, layer: number): Promise<Activation> {
  const tokens = model.tokenizer.encode(text, { special: true });
  const at = position === undefined ? tokens.length - 1 : wholeNumber(position, '--position', 0);
  if (at < 0 || at >= tokens.length) throw usage('--position', String(at), `a token of the text, 0 to ${tokens.length - 1}`);
  const hook = blockOutput(layer);
  const { hidden } = model.forward({ tokens, batch: 1, length: tokens.length, capture: [hook], stopAfterBlock: layer });
  const captured = hidden[hook];
  if (captured === undefined) throw new NlaError('E_MODEL_OUTPUT', { message: `The model gave no value for ${hook}.` });
  const values = (await captured.data()) as Float32Array;
  captured.dispose();
  const { dModel } = model.spec;
  return { vector: values.slice(at * dModel, (at + 1) * dModel), position: at, token: model.tokenizer.decode([tokens[at] ?? 0]) };
}
