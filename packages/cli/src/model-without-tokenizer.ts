import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type JsonValue, type Model, type Quantizer, type Tokenizer } from '@nlakit/core';
import { checkpointSource, gemma4FromSource, parseGemma4Config, type ScaleDtype } from '@nlakit/model-gemma4';
import { openModelFolder } from '@nlakit/safetensors';

/**
 * Loads a checkpoint folder that has no tokenizer, for passes over raw ids: parity fixtures and quantised copies often lack one. Whatever
 * needs text throws `E_TOKENIZER`.
 */
export async function loadModelWithoutTokenizer(
  folder: string,
  options: { readonly quantizer: Quantizer | undefined; readonly scaleDtype?: ScaleDtype },
): Promise<Model> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Readonly<Record<string, JsonValue>>;
  const file = await openModelFolder(folder);
  const model = await gemma4FromSource(checkpointSource(file), {
    config,
    tokenizer: absentTokenizer(config, folder),
    ...(options.quantizer === undefined ? {} : { quantizer: options.quantizer }),
    ...(options.scaleDtype === undefined ? {} : { scaleDtype: options.scaleDtype }),
  });
  // A table that is read by rows stays in the file, so it is closed with the model; reading is over by then.
  return {
    ...model,
    dispose() {
      model.dispose();
      void file.close();
    },
  };
}

/** Special ids as the configuration has them, and no vocabulary: whatever needs text throws `E_TOKENIZER`, naming `folder`. */
export function absentTokenizer(config: Readonly<Record<string, JsonValue>>, folder: string): Tokenizer {
  const { bosId, eosIds, padId, vocabularySize } = parseGemma4Config(config, join(folder, 'config.json'));
  const absent = (): never => {
    throw new NlaError('E_TOKENIZER', {
      message: 'This model folder has no tokenizer, so texts cannot be read or shown.',
      file: join(folder, 'tokenizer.json'),
      kind: 'input',
    });
  };
  return {
    sha256: '',
    vocabularySize,
    bosId,
    eosId: eosIds[0] ?? -1,
    padId,
    unkId: undefined,
    encode: absent,
    decode: absent,
    idOf: absent,
    tokenOf: absent,
  };
}
