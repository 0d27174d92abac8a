import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { blockOutput, NlaError, type Model } from '@nlakit/core';
import type { ContractSupplement } from '@nlakit/sidecar';
import { usage, wholeNumber, type CommandContext } from '../command-context.js';
import type { NlaReference } from '../locate-nla.js';
import { readVector } from '../read-vector.js';

interface Activation {
  readonly vector: Float32Array;
  readonly position?: number;
  readonly token?: string;
  /** The text before the token. */
  readonly before?: string;
}

interface ExplainCommandOptions extends NlaReference {
  readonly text?: string;
  readonly position?: string;
  readonly vector?: string;
  readonly model?: string;
  readonly maxNew: string;
  readonly avTemplate?: string;
  readonly arTemplate?: string;
  readonly injectionChar?: string;
}

/** `nla explain`: activation to explanation to reconstruction. */
export async function explain(context: CommandContext, options: ExplainCommandOptions, folder = ''): Promise<undefined> {
  const { io, log } = context;
  if ((options.text === undefined) === (options.vector === undefined)) {
    throw usage('--text and --vector', options.text === undefined ? 'neither' : 'both', 'one of them');
  }
  if (options.text?.trim() === '') throw usage('--text', 'an empty text', 'a text with at least one token');
  const maxNewTokens = wholeNumber(options.maxNew, '--max-new');
  const { openNla } = await import('../open-nla.js');
  const { roundTrip } = await import('@nlakit/nla');
  const nla = await openNla(context, folder, {
    ...options,
    ...(options.model === undefined ? {} : { source: options.model }),
    supplement: await supplementOf(context, options),
  });
  try {
    const { model, verbalizer, reconstructor, step, reconstructorStep } = nla;
    const { layer } = verbalizer.contract;
    const activation =
      options.text === undefined
        ? { vector: await readVector(options.vector ?? '', io.cwd, '--vector') }
        : await readActivation(model, options.text, options.position, layer);
    const how = { maxNewTokens, signal: io.signal };
    const [result] =
      reconstructor === undefined
        ? (await verbalizer.explain([activation.vector], how)).map((explained) => ({ ...explained, cosine: null }))
        : await roundTrip({ verbalizer, reconstructor }, [activation.vector], how);
    if (result === undefined) throw new NlaError('E_EXPLAIN', { message: 'The verbalizer gave no result.' });
    if (reconstructor === undefined) {
      log.warn(
        'W_NO_RECONSTRUCTOR: no reconstructor is beside this verbalizer, so nothing says whether its words hold; name one with --ar.',
      );
    }
    const baselines = verbalizer.sidecar.baselines ?? reconstructor?.sidecar.baselines ?? undefined;
    // Of unit vectors: squared error 2 (1 - cos), over the variance of the training vectors.
    const fve =
      baselines === undefined || baselines.rawvar <= 0 || result.cosine === null
        ? undefined
        : 1 - (2 * (1 - result.cosine)) / baselines.rawvar;
    const found = {
      explanation: result.explanation,
      output: result.text,
      cos: result.cosine,
      // What the best constant vector reaches on average: a cosine alone says little.
      ...(baselines === undefined ? {} : { constantCos: baselines.rho }),
      ...(fve === undefined ? {} : { fve }),
      ...(activation.position === undefined ? {} : { position: activation.position, token: activation.token }),
      layer,
      step,
      reconstructorStep,
    };
    context.print(found, () => {
      const lines: [string, string][] = [];
      if (activation.position !== undefined) {
        const { before = '', token = '' } = activation;
        const start = before.length > 60 ? `…${before.slice(-60)}` : before;
        lines.push(['text', `${start}[${token}]`.replaceAll('\n', ' ')]);
        lines.push(['read at', `token ${activation.position} ${JSON.stringify(token)}, output of block ${layer}`]);
      }
      lines.push(['explanation', found.explanation ?? `none; the output was ${JSON.stringify(found.output)}`]);
      const constant = baselines === undefined ? '' : ` (the best constant vector: ${baselines.rho.toFixed(3)} on average)`;
      lines.push(['cosine', found.cos === null ? 'unknown: no reconstructor' : `${found.cos.toFixed(3)}${constant}`]);
      if (fve !== undefined) lines.push(['fve_nrm', fve.toFixed(3)]);
      lines.push(['steps', `AV ${step ?? 'unnamed'}${reconstructor === undefined ? '' : `, AR ${reconstructorStep ?? 'unnamed'}`}`]);
      return lines.map(([name, value]) => `${name.padEnd(13)}${value}`).join('\n');
    });
  } finally {
    await nla.dispose();
  }
  return undefined;
}

/** What the command line says in place of an incomplete sidecar. */
async function supplementOf({ io }: CommandContext, options: ExplainCommandOptions): Promise<ContractSupplement> {
  const template = async (option: string, file: string | undefined): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(io.cwd, file), 'utf8');
    } catch (cause) {
      throw usage(option, file, `a file with the template (${(cause as NodeJS.ErrnoException).code ?? 'unreadable'})`);
    }
  };
  const avTemplate = await template('--av-template', options.avTemplate);
  const arTemplate = await template('--ar-template', options.arTemplate);
  return {
    ...(avTemplate === undefined ? {} : { avTemplate }),
    ...(arTemplate === undefined ? {} : { arTemplate }),
    ...(options.injectionChar === undefined ? {} : { injectionChar: options.injectionChar }),
  };
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
  return {
    vector: values.slice(at * dModel, (at + 1) * dModel),
    position: at,
    token: model.tokenizer.decode([tokens[at] ?? 0]),
    before: model.tokenizer.decode(tokens.subarray(0, at), { skipSpecial: true }),
  };
}
