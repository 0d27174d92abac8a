import { SPEC_VERSION, type PluginKind } from '@nlakit/core';
import { check, checkMethods, checkSame, fail } from './check.js';
import { checkNoLeak } from './check-no-leak.js';
import type { ConformanceCase } from './conformance-case.js';

/** Members that the implementation of a kind must have. */
const members: Readonly<Partial<Record<PluginKind, readonly string[]>>> = {
  backend: ['memory', 'selfTest', 'dispose'],
  quantizer: ['pack', 'unpack', 'linear', 'bytes'],
  model: ['describe', 'load'],
  injector: ['scale', 'locate', 'guard', 'apply'],
  dataset: ['prepare', 'describe', 'open'],
  labeler: ['describe', 'label'],
  trainer: ['plan', 'train'],
  evaluator: ['evaluate'],
  publisher: ['plan', 'publish'],
};

/** What every plugin must do, whatever its kind. */
export function pluginCases<Kind extends PluginKind>(): ConformanceCase<Kind>[] {
  return [
    {
      name: 'plugin: says what it is',
      level: 1,
      run: ({ plugin }) => {
        check(
          plugin.specVersion === SPEC_VERSION,
          `The plugin was made for another specification.`,
          `specVersion ${JSON.stringify(plugin.specVersion)}`,
          `specVersion "${SPEC_VERSION}"`,
        );
        check(plugin.kind in members, 'There is no such kind of plugin.', plugin.kind, Object.keys(members).join(', '));
        check(typeof plugin.name === 'string' && plugin.name !== '', 'A plugin is named after its package.', String(plugin.name));
        check(/^\d+\.\d+\.\d+/.test(plugin.version), 'The version is that of the package.', String(plugin.version), 'a semantic version');
      },
    },
    {
      name: 'plugin: validates options, and refuses names it does not know',
      level: 1,
      run: async (subject) => {
        const { '~standard': schema } = subject.plugin.optionsSchema;
        check(schema.version === 1, 'optionsSchema is no Standard Schema of version 1.', String(schema.version));
        await subject.options();
        const { badOptions = [] } = subject.fixtures;
        for (const bad of [{ 'no such option': 1 }, null, 'text', 7, ...badOptions]) {
          const { issues } = await schema.validate(bad);
          check(
            issues !== undefined,
            'Wrong options are accepted; a misspelt one would be ignored in silence.',
            JSON.stringify(bad),
            'issues',
          );
          check(
            issues.length > 0 && issues.every(({ message }) => message !== ''),
            'Wrong options are refused without a word.',
            JSON.stringify(bad),
          );
        }
      },
    },
    {
      name: 'plugin: validates the same options to the same value, and does nothing else',
      level: 1,
      run: async (subject) => {
        const { validate } = subject.plugin.optionsSchema['~standard'];
        const given = await subject.given();
        const before = JSON.stringify(given);
        const value = await subject.options();
        // Options are validated long before anything heavy may be loaded, and again whenever a run is opened.
        await checkNoLeak('the validation', async () => {
          const again = await validate(given);
          check(again.issues === undefined, 'Options that were accepted once are refused the second time.', before);
          checkSame(again.value, value, 'The same options are validated to another value.');
        });
        checkSame(given, JSON.parse(before) as unknown, 'Validation changes the options it is given.');
      },
    },
    {
      name: 'plugin: creates what its kind promises, from what it needs',
      level: 1,
      run: async (subject) => {
        const { plugin, asked } = subject;
        const made = (await subject.shared()) as object | undefined;
        if (typeof made !== 'object' || made === null) fail('create must return an object.', String(made));
        checkMethods(made, members[plugin.kind] ?? []);
        const needs = plugin.needs ?? [];
        const strayed = [...asked].filter((kind) => !needs.includes(kind));
        check(strayed.length === 0, 'The plugin uses what its `needs` do not list.', strayed.join(', '), needs.join(', ') || 'nothing');
        for (const kind of needs.filter((kind) => !asked.has(kind))) {
          subject.report({ kind: 'unused', message: `needs lists ${kind}, and create does not ask for it.` });
        }
      },
    },
  ];
}
