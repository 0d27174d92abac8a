import { describe, expectTypeOf, it } from 'vitest';
import { definePlugin, type Injector, type Plugin, type SeamMap, type StandardSchema } from './index.js';

declare const schema: StandardSchema<{ scale: number }>;
declare const injector: Injector;

describe('definePlugin', () => {
  it('carries kind and options through', () => {
    const plugin = definePlugin({ kind: 'injector', name: 'a', version: '1', optionsSchema: schema, create: () => injector });
    expectTypeOf(plugin).toEqualTypeOf<Plugin<'injector', { scale: number }>>();
    expectTypeOf(plugin.create).parameter(0).toEqualTypeOf<{ scale: number }>();
  });

  it('refuses a plugin that creates another seam than it says', () => {
    // @ts-expect-error: an injector is no backend
    definePlugin({ kind: 'backend', name: 'a', version: '1', optionsSchema: schema, create: () => injector });
  });

  it('knows the seams', () => {
    expectTypeOf<keyof SeamMap>().toEqualTypeOf<
      'backend' | 'quantizer' | 'model' | 'injector' | 'dataset' | 'labeler' | 'trainer' | 'evaluator' | 'publisher'
    >();
  });
});
