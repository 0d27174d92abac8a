import { definePlugin } from '@nlakit/core';
import { warnOfRetries } from '@nlakit/hub';
import manifest from '../package.json' with { type: 'json' };
import { huggingFacePublisher } from './hugging-face-publisher.js';
import { optionsSchema } from './options.js';

/** Publishes to the Hugging Face Hub. */
export const plugin = definePlugin({
  kind: 'publisher',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: (options, { log }) => huggingFacePublisher({ ...options, retry: { onRetry: warnOfRetries((message) => log.warn(message)) } }),
});
