import { isAbsolute, resolve } from 'node:path';
import { definePlugin } from '@nlakit/core';
import * as z from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { directoryPublisher } from './directory-publisher.js';

const optionsSchema = z.strictObject({
  /** Folder that repositories are laid out in, relative to the config. */
  to: z.string().min(1).default('./published'),
});

/** Publishes into a folder: `<to>/<owner>/<name>/…`. */
export const plugin = definePlugin({
  kind: 'publisher',
  name: manifest.name,
  version: manifest.version,
  optionsSchema,
  create: ({ to }, { baseFolder }) => directoryPublisher(isAbsolute(to) ? to : resolve(baseFolder, to)),
});
