import { NlaError } from '@nlakit/core';
import { type ModelSidecar, readSidecar } from '@nlakit/sidecar';

/** Reads a model sidecar and checks its role. Throws what `readSidecar` throws, and `E_SIDECAR_ROLE`. */
export async function readModelSidecar(file: string, role: 'av' | 'ar'): Promise<ModelSidecar> {
  const sidecar = await readSidecar(file);
  if (sidecar.kind === 'nla_model' && sidecar.role === role) return sidecar;
  throw new NlaError('E_SIDECAR_ROLE', {
    message: `The folder does not hold a ${role === 'av' ? 'verbalizer' : 'reconstructor'}.`,
    found: sidecar.kind === 'nla_model' ? `the role ${sidecar.role}` : `a sidecar of kind ${sidecar.kind}`,
    expected: `a model sidecar with the role ${role}`,
    fix: role === 'av' ? 'Give a folder below trajectory/.' : 'Give a folder below reconstructor/.',
    file,
    kind: 'input',
  });
}
