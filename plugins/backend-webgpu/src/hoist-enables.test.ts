import { expect, it } from 'vitest';
import { hoistEnables } from './hoist-enables.js';

it('puts enable lines before what tfjs puts first, and leaves other code as it is', () => {
  const codes: string[] = [];
  const device = { createShaderModule: ({ code }: { code: string }) => (codes.push(code), {} as GPUShaderModule) };
  hoistEnables(device);
  device.createShaderModule({ code: 'struct Uniforms { size : i32 };\n  enable f16;\n  diagnostic(off, some.rule);\nfn main() {}' });
  device.createShaderModule({ code: 'fn main() { /* enable f16; */ }' });
  expect(codes).toEqual([
    'enable f16;\ndiagnostic(off, some.rule);\nstruct Uniforms { size : i32 };\n\n\nfn main() {}',
    'fn main() { /* enable f16; */ }',
  ]);
});
