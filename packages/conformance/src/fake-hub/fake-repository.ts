import { createHash } from 'node:crypto';

/** Kind of a repository; the plural stands in its API address. */
export type RepositoryType = 'model' | 'dataset';

/** Content of a file: text is UTF-8. */
export type FakeContent = string | Uint8Array;

/** A file of a commit. */
export interface FakeFile {
  readonly path: string;
  readonly content: Uint8Array;
  /** git blob sha1 (hex) of the content, or of the pointer file where the content is a large object. */
  readonly oid: string;
  /** sha256 (hex) of the content, for large objects (LFS). */
  readonly sha256?: string;
}

/** One commit: all files of the tree by path. */
export interface FakeCommit {
  readonly oid: string;
  readonly parent?: string;
  readonly message: string;
  readonly files: ReadonlyMap<string, FakeFile>;
}

/** What a repository is to begin with. */
export interface FakeRepositoryOptions {
  /** `owner/name`. */
  readonly id: string;
  readonly type?: RepositoryType;
  /** Terms have to be accepted: content is for tokens that list the repository only; name and listing are public. */
  readonly gated?: false | 'auto' | 'manual';
  /** Nothing is public. */
  readonly private?: boolean;
  /** Files of the first commit on `main`. */
  readonly files?: Readonly<Record<string, FakeContent>>;
}

/** A repository in memory. */
export interface FakeRepository {
  readonly id: string;
  readonly type: RepositoryType;
  gated: false | 'auto' | 'manual';
  private: boolean;
  /** Branches, tags and `refs/pr/N`: name to commit. */
  readonly refs: Map<string, string>;
  /** Which of `refs` were made as tags over the API. */
  readonly tags: Set<string>;
  /** Large objects that were uploaded, by sha256, in a commit or not. */
  readonly objects: Map<string, Uint8Array>;
  readonly commits: Map<string, FakeCommit>;
  /** Adds and replaces files (`null` removes one) on top of a branch, which is made if need be. */
  commit(
    changes: Readonly<Record<string, FakeContent | null>>,
    options?: { readonly branch?: string; readonly message?: string },
  ): FakeCommit;
  /** The commit of a branch, a tag or a full commit id. */
  resolve(revision: string): FakeCommit | undefined;
}

/** What the Hub keeps as a large object: weights and other binary formats, and anything of 10 MB and more. */
const largePaths = /\.(safetensors|bin|gguf|onnx|h5|pt|pth|ckpt|msgpack|parquet|zip|gz|model|npz|npy)$/;
const largeBytes = 10 * 2 ** 20;

/** Whether the Hub would keep a file as a large object. */
export function isLarge(path: string, bytes: number): boolean {
  return bytes > 0 && (largePaths.test(path) || bytes >= largeBytes);
}

/** Makes a repository. Commit ids depend on the content and the order of commits only. */
export function createFakeRepository(options: FakeRepositoryOptions): FakeRepository {
  const refs = new Map<string, string>();
  const commits = new Map<string, FakeCommit>();
  const repository: FakeRepository = {
    id: options.id,
    type: options.type ?? 'model',
    gated: options.gated ?? false,
    private: options.private ?? false,
    refs,
    tags: new Set(),
    objects: new Map(),
    commits,
    commit(changes, { branch = 'main', message = 'Change files' } = {}) {
      const parent = repository.resolve(branch) ?? repository.resolve('main');
      const files = new Map(parent?.files);
      for (const [path, content] of Object.entries(changes)) {
        if (content === null) files.delete(path);
        else files.set(path, fakeFile(path, content));
      }
      const listing = [...files.values()].map(({ path, oid }) => `${path} ${oid}`).sort();
      const oid = createHash('sha1')
        .update(JSON.stringify([repository.type, repository.id, parent?.oid, message, listing]))
        .digest('hex');
      const commit: FakeCommit = { oid, message, files, ...(parent === undefined ? {} : { parent: parent.oid }) };
      commits.set(oid, commit);
      refs.set(branch, oid);
      return commit;
    },
    resolve: (revision) => commits.get(refs.get(revision) ?? revision),
  };
  repository.commit(options.files ?? {}, { message: 'initial commit' });
  return repository;
}

function fakeFile(path: string, given: FakeContent): FakeFile {
  const content = typeof given === 'string' ? new TextEncoder().encode(given) : given;
  if (!isLarge(path, content.length)) return { path, content, oid: blobSha1(content) };
  const sha256 = createHash('sha256').update(content).digest('hex');
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${content.length}\n`;
  return { path, content, oid: blobSha1(new TextEncoder().encode(pointer)), sha256 };
}

function blobSha1(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
