// A second process: asks for the texts it is given, and says what came. node complete-many.mjs <options> <folder> <texts>
import { createChatClient } from '@nlakit/chat';

const [options, cacheFolder, texts] = process.argv.slice(2).map((text, at) => (at === 1 ? text : JSON.parse(text)));
const quiet = () => undefined;
const client = createChatClient(options, {
  cacheFolder,
  signal: new AbortController().signal,
  log: { debug: quiet, info: quiet, warn: quiet, progress: quiet },
});
const answers = await Promise.all(
  texts.map((content) => client.complete({ messages: [{ role: 'user', content }], maxTokens: 100, temperature: 0 })),
);
process.stdout.write(JSON.stringify({ texts: answers.map(({ text }) => text), spent: client.spent() }));
