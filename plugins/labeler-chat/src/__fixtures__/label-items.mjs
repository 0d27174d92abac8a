// A process that labels, for a test that kills it. node label-items.mjs <options> <answers> <items>
import { createChatLabeler, optionsSchema, readPrompts } from '../index.ts';

const [options, cacheFolder, items] = process.argv.slice(2);
const parsed = optionsSchema.parse(JSON.parse(options));
const labeler = createChatLabeler(parsed, await readPrompts(parsed, '.'), { baseFolder: '.' });
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, progress: quiet };
const labels = await labeler.label(JSON.parse(items), { model: {}, cacheFolder, signal: new AbortController().signal, log });
process.stdout.write(JSON.stringify(labels));
