import { fileURLToPath } from 'node:url';

/**
 * Absolute path of the folder with the bundled model: `config.json`, `model.safetensors` (bfloat16), `tokenizer.json`,
 * `tokenizer_config.json`, the record of its training (`training.json`), model card and licences. A loader of `@nlakit/model-gemma4`
 * takes it as its `source`; so does the package name `@nlakit/tiny-gemma4`.
 */
export const modelFolder: string = fileURLToPath(new URL('../model', import.meta.url));
