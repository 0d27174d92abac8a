import { refuseRepository, refuseWrite } from '../access.js';
import type { FakeRepository } from '../fake-repository.js';
import { refused, repositoryKey, type Answer, type Exchange } from '../route.js';

/** The repository that an address names, for who may change it, or the refusal. Parts: `type` (plural or empty), `id`. */
export function findWritable({ state, token, part }: Exchange): { readonly repository: FakeRepository } | { readonly answer: Answer } {
  const repository = state.repositories.get(repositoryKey(part('type') === 'datasets' ? 'dataset' : 'model', part('id')));
  const refusal = refuseRepository(repository, token) ?? refuseWrite(part('id'), token);
  if (refusal !== undefined || repository === undefined) {
    return { answer: refused(refusal ?? { status: 404, message: 'Repository not found' }) };
  }
  return { repository };
}
