import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { NlaError, type Tokenizer } from '@nlakit/core';
import { chatTemplate, templateOfConfig } from './chat-template.js';
import { matchPython } from './match-python.js';

/** The files of a tokenizer, read. */
export interface TokenizerFiles {
  /** `tokenizer.json`, as text: its hash is the tokenizer's identity. */
  readonly tokenizerJson: string;
  /** `tokenizer_config.json`, as text. */
  readonly configJson?: string;
  /** `chat_template.jinja`; otherwise the template of `tokenizer_config.json` counts. */
  readonly chatTemplate?: string;
}

/**
 * The tokenizer that the files define. Throws `E_TOKENIZER` if they are no tokenizer or lack one of BOS, EOS and PAD.
 *
 * With `special`, a text gets exactly one BOS in front, whatever the file's post-processor does: the model degenerates without one,
 * and some Gemma files leave it to the chat template.
 */
export function createTokenizer(files: TokenizerFiles, folder = ''): Tokenizer {
  const config = parse(files.configJson ?? '{}', path.join(folder, 'tokenizer_config.json')) as Record<string, unknown>;
  const definition = parse(files.tokenizerJson, path.join(folder, 'tokenizer.json'));
  let inner: HuggingFaceTokenizer;
  try {
    inner = new HuggingFaceTokenizer(definition, config);
  } catch (cause) {
    throw unusable(path.join(folder, 'tokenizer.json'), cause instanceof Error ? cause.message : String(cause), 'a tokenizer.json', cause);
  }
  matchPython(inner);
  const idOf = (token: string): number | undefined => inner.token_to_id(token);
  const special = (key: string, usual: string): number => {
    const token = contentOf(config[key]) ?? usual;
    const id = idOf(token);
    if (id === undefined) throw unusable(path.join(folder, 'tokenizer.json'), `no entry ${token}`, `the ${key} in the vocabulary`);
    return id;
  };
  const bosId = special('bos_token', '<bos>');
  const eosId = special('eos_token', '<eos>');
  const padId = special('pad_token', '<pad>');
  let highest = -1;
  for (const id of inner.get_vocab(true).values()) highest = Math.max(highest, id);

  const unk = contentOf(config['unk_token']) ?? '<unk>';
  const tokenText = (id: number): string => inner.id_to_token(id) ?? '';
  const template = files.chatTemplate ?? templateOfConfig(config['chat_template']);
  const templateFile = path.join(folder, files.chatTemplate === undefined ? 'tokenizer_config.json' : 'chat_template.jinja');
  const chat =
    template === undefined
      ? undefined
      : chatTemplate(
          template,
          {
            bos_token: tokenText(bosId),
            eos_token: tokenText(eosId),
            pad_token: tokenText(padId),
            ...(idOf(unk) === undefined ? {} : { unk_token: unk }),
          },
          templateFile,
        );
  return {
    sha256: createHash('sha256').update(files.tokenizerJson).digest('hex'),
    vocabularySize: highest + 1,
    bosId,
    eosId,
    padId,
    unkId: idOf(unk),
    encode(text, options) {
      const ids = inner.encode(text, { add_special_tokens: false }).ids;
      return Int32Array.from(options?.special === true && ids[0] !== bosId ? [bosId, ...ids] : ids);
    },
    decode(ids, options) {
      // The library reads an id outside the vocabulary as <unk>, where Python leaves it out; it refuses an empty list, and by default would
      // take blanks before punctuation away.
      const known = Array.from(ids).filter((id) => inner.id_to_token(id) !== undefined);
      if (known.length === 0) return '';
      return inner.decode(known, {
        skip_special_tokens: options?.skipSpecial ?? false,
        clean_up_tokenization_spaces: config['clean_up_tokenization_spaces'] === true,
      });
    },
    idOf,
    tokenOf: (id) => inner.id_to_token(id),
    ...(chat === undefined ? {} : { applyChatTemplate: chat }),
  };
}

/** Reads the tokenizer of a model folder. Throws `E_TOKENIZER`. */
export async function readTokenizer(folder: string): Promise<Tokenizer> {
  const optional = (name: string): Promise<string | undefined> => readFile(path.join(folder, name), 'utf8').catch(() => undefined);
  const tokenizerJson = await optional('tokenizer.json');
  if (tokenizerJson === undefined) throw unusable(path.join(folder, 'tokenizer.json'), 'no such file', 'the tokenizer beside the weights');
  const [configJson, chatTemplate] = [await optional('tokenizer_config.json'), await optional('chat_template.jinja')];
  return createTokenizer(
    { tokenizerJson, ...(configJson === undefined ? {} : { configJson }), ...(chatTemplate === undefined ? {} : { chatTemplate }) },
    folder,
  );
}

/** A token is spelled as a string or as an object with `content`. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('content' in value)) return undefined;
  return typeof value.content === 'string' ? value.content : undefined;
}

function parse(text: string, file: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
    throw new Error(`it holds ${JSON.stringify(value)}`);
  } catch (cause) {
    throw unusable(file, cause instanceof Error ? cause.message : String(cause), 'a JSON object', cause);
  }
}

function unusable(file: string, found: string, expected: string, cause?: unknown): NlaError {
  return new NlaError('E_TOKENIZER', {
    message: 'The tokenizer cannot be used.',
    file,
    found,
    expected,
    fix: 'Take tokenizer.json and tokenizer_config.json from the same folder as the weights.',
    kind: 'input',
    ...(cause === undefined ? {} : { cause }),
  });
}
