import { resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { PromptTemplates } from '@nlakit/core';
import { readTokenizer, resolveSource } from '@nlakit/model-gemma4';
import { chooseTokens, measureTokens, readSidecar, releasePresets, scanMarkers, templateSha256 } from '@nlakit/sidecar';
import { alignColumns } from '../align-columns.js';
import { usage, type CommandContext } from '../command-context.js';
import { givenTemplates, type ReleaseOptions } from '../release-options.js';

interface MarkerOptions extends ReleaseOptions {
  readonly model?: string;
  readonly chat?: boolean;
  readonly marker?: string;
  readonly presets?: boolean;
}

/** Templates that are measured where none are named: those of the data that is made by rule. */
const plainTemplates = { av: '<concept>{injection_char}</concept>', ar: '<explanation>{explanation}</explanation><concept>' };

/** `nla data markers`: the marker, its neighbours in the real prompt, and the suffix of AR prompts; or the known releases. */
export async function dataMarkers(context: CommandContext, options: MarkerOptions): Promise<undefined> {
  if (options.presets === true) return listPresets(context);
  if (options.model === undefined) throw usage('--model', 'nothing', 'the model whose tokenizer is asked, or --presets');
  const { folder } = await resolveSource(options.model, context.io.cwd);
  const tokenizer = await readTokenizer(folder);
  const templates = await templatesOf(context, options);
  const candidates = [...scanMarkers(tokenizer)];
  const chosen =
    options.marker === undefined
      ? await chooseTokens(templates, tokenizer)
      : { tokens: measureTokens(templates, tokenizer, { marker: options.marker }), source: 'measured' as const };
  const { tokens, source } = chosen;
  const hashes = { av: templateSha256(templates.av), ar: templateSha256(templates.ar) };
  const result = {
    tokenizer: tokenizer.sha256,
    ...tokens,
    codePoint: tokens.injectionChar.codePointAt(0),
    candidates: candidates.length,
    templates: { ...hashes, avChat: templates.avChat },
    source,
    ...('file' in chosen ? { keptIn: chosen.file } : {}),
  };
  context.print(result, () => {
    const shown = (id: number): string => `${id}  ${JSON.stringify(tokenizer.decode([id]))}`;
    return alignColumns(
      [
        ['marker', `${tokens.injectionChar}  U+${(result.codePoint ?? 0).toString(16).toUpperCase()}  id ${tokens.injectionTokenId}`],
        ['left neighbour', shown(tokens.leftNeighborId)],
        ['right neighbour', shown(tokens.rightNeighborId)],
        ['AR prompts end with', tokens.criticSuffixIds?.join(' ') ?? 'nothing in common'],
        [
          'candidates',
          `${candidates.length} of U+3200..U+33FF are single tokens: ${candidates
            .slice(0, 12)
            .map(({ char }) => char)
            .join(' ')}`,
        ],
        ['AV template', `sha256 ${hashes.av}`],
        ['AR template', `sha256 ${hashes.ar}`],
        ['tokenizer', `sha256 ${tokenizer.sha256}`],
        ['chosen', source === 'kept' ? 'before, and still right' : 'now'],
      ],
      2,
    );
  });
  return undefined;
}

async function templatesOf({ io }: CommandContext, options: MarkerOptions): Promise<PromptTemplates> {
  const given = await givenTemplates(options, io);
  const stated = options.sidecar === undefined ? undefined : (await readSidecar(resolve(io.cwd, options.sidecar))).templates;
  const av = given.av ?? stated?.av ?? (stated === undefined ? plainTemplates.av : undefined);
  const ar = given.ar ?? stated?.ar ?? (stated === undefined ? plainTemplates.ar : undefined);
  if (av === undefined || ar === undefined) {
    throw new NlaError('E_SIDECAR_INCOMPLETE', {
      message: 'The sidecar states no template.',
      expected: `prompt_templates.${av === undefined ? 'av' : 'ar'}`,
      fix: `Name the text with --${av === undefined ? 'av' : 'ar'}-template.`,
      ...(options.sidecar === undefined ? {} : { file: options.sidecar }),
      kind: 'input',
    });
  }
  return { av, ar, avChat: options.chat ?? stated?.avChat ?? false };
}

function listPresets(context: CommandContext): undefined {
  context.print({ presets: releasePresets }, () =>
    alignColumns(
      [
        ['preset', 'base model', 'width', 'layer', 'scale', 'marker', 'neighbours', 'AV template sha256'],
        ...releasePresets.map(({ name, baseModel, dModel, layer, injectionScale, tokens, templateSha256: hash }) => [
          name,
          baseModel,
          String(dModel),
          String(layer),
          injectionScale === null ? 'none' : String(Number(injectionScale.toFixed(2))),
          `${tokens.injectionChar} ${tokens.injectionTokenId}`,
          tokens.leftNeighborId === null ? 'measured' : `${tokens.leftNeighborId} ${tokens.rightNeighborId ?? ''}`,
          `${hash.av.slice(0, 12)}…`,
        ]),
      ],
      8,
    ),
  );
  return undefined;
}
