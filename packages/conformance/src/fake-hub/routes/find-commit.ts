import { refuseRepository } from '../access.js';
import type { FakeCommit, FakeRepository } from '../fake-repository.js';
import { refused, repositoryKey, type Answer, type Exchange } from '../route.js';

/** The repository and commit that an address names, or the refusal. Parts: `type` (plural or empty), `id`, `revision`. */
export function findCommit({
  state,
  token,
  part,
}: Exchange): { readonly repository: FakeRepository; readonly commit: FakeCommit } | { readonly answer: Answer } {
  const type = part('type') === 'datasets' ? 'dataset' : 'model';
  const repository = state.repositories.get(repositoryKey(type, part('id')));
  const refusal = refuseRepository(repository, token);
  if (refusal !== undefined || repository === undefined)
    return { answer: refused(refusal ?? { status: 404, message: 'Repository not found' }) };
  const revision = part('revision');
  const commit = repository.resolve(revision === 'HEAD' ? 'main' : revision);
  if (commit === undefined) {
    return { answer: refused({ status: 404, errorCode: 'RevisionNotFound', message: `Invalid rev id: ${revision}` }) };
  }
  return { repository, commit };
}
