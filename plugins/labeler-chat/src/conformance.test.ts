import { startFakeChat } from '@nlakit/conformance/fake-chat';
import { describeConformance } from '@nlakit/conformance/vitest';
import { afterAll } from 'vitest';
import { plugin } from './index.js';

const key = 'sk-of-the-labeller-0123';
process.env['NLA_TEST_LABEL_KEY'] = key;
const chat = await startFakeChat({
  keys: [key],
  answer: ({ messages }) =>
    messages.at(-1)?.content.includes('<description>') === true
      ? '<verdict>accept</verdict><reason>right</reason>'
      : `<analysis>\nAbout this.\n\nEnds with ${String(messages.at(-1)?.content.length)} characters.\n</analysis>`,
});
afterAll(() => chat.stop());

describeConformance(plugin, {
  options: { chat: { dialect: 'openai', model: 'fake', baseUrl: chat.baseUrls.openai, apiKeyEnv: 'NLA_TEST_LABEL_KEY' }, audit: true },
  badOptions: [{}, { chat: { dialect: 'other', model: 'x' } }, { chat: { dialect: 'openai', model: 'x' }, minFeatures: 0 }],
  secrets: [key, 'NLA_TEST_LABEL_KEY', '127.0.0.1'],
  asked: () => chat.requests.length,
});
