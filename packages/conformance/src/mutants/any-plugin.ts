import type { Plugin, PluginKind, SeamMap, StandardSchema } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Mutant } from './mutant.js';

/** Faults that a plugin of any kind can have. */
export function anyPluginMutants<Kind extends PluginKind>(): Mutant<Kind>[] {
  const validating =
    (change: (validate: StandardSchema<unknown>['~standard']['validate'], value: unknown) => unknown) =>
    (plugin: Plugin<Kind>): Plugin<Kind> => {
      const standard = plugin.optionsSchema['~standard'];
      return { ...plugin, optionsSchema: { '~standard': { ...standard, validate: (value) => change(standard.validate, value) as never } } };
    };
  return [
    {
      name: 'was made for another specification',
      caughtBy: 'plugin: says what it is',
      of: (plugin) => ({ ...plugin, specVersion: 'v0' as never }),
    },
    {
      name: 'has no version',
      caughtBy: 'plugin: says what it is',
      of: (plugin) => ({ ...plugin, version: 'latest' }),
    },
    {
      name: 'ignores options it does not know',
      caughtBy: 'plugin: validates options, and refuses names it does not know',
      of: validating(async (validate, value) => {
        const result = await validate(value);
        return result.issues === undefined ? result : { value: {} };
      }),
    },
    {
      name: 'refuses options without a word',
      caughtBy: 'plugin: validates options, and refuses names it does not know',
      of: validating(async (validate, value) => {
        const result = await validate(value);
        return result.issues === undefined ? result : { issues: [{ message: '' }] };
      }),
    },
    {
      name: 'loads something to validate options',
      caughtBy: 'plugin: validates the same options to the same value, and does nothing else',
      of: validating((validate, value) => {
        tf.zeros([4]);
        return validate(value);
      }),
    },
    {
      name: 'lies about its kind',
      caughtBy: 'plugin: creates what its kind promises, from what it needs',
      of: (plugin) => ({ ...plugin, create: () => ({}) as SeamMap[Kind] }),
    },
    {
      name: 'uses what it does not need',
      caughtBy: 'plugin: creates what its kind promises, from what it needs',
      of: (plugin) => ({
        ...plugin,
        needs: [],
        create: (options, context) => {
          try {
            context.use('labeler');
          } catch {
            // It makes do without.
          }
          return plugin.create(options, { ...context, use: (kind) => context.use(kind) });
        },
      }),
    },
  ];
}
