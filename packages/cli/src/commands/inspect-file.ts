import { resolve } from 'node:path';
import { openSafetensors } from '@nlakit/safetensors';
import type { CommandContext } from '../command-context.js';

/** `nla inspect safetensors`: the header of a file. */
export async function inspectSafetensors(context: CommandContext, _options: unknown, path = ''): Promise<undefined> {
  const file = await openSafetensors(resolve(context.io.cwd, path));
  try {
    const tensors = Object.fromEntries([...file.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
    context.print({ file: path, tensors, metadata: file.metadata }, () =>
      [
        ...Object.entries(tensors).map(([name, { dtype, shape }]) => `${name}  ${dtype}  [${shape.join(', ')}]`),
        ...Object.entries(file.metadata).map(([key, value]) => `${key}: ${value}`),
      ].join('\n'),
    );
  } finally {
    await file.close();
  }
  return undefined;
}
