import { refuseWrite } from '../access.js';
import { json, jsonBody, refused, repositoryKey, type Route } from '../route.js';

/** What the Hub puts into every new repository. */
const gitAttributes = '*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.parquet filter=lfs diff=lfs merge=lfs -text\n';

/** `POST /api/repos/create`: a repository with its first commit; 409 if there is one already. */
export const createRepository: Route = {
  kind: 'create',
  methods: ['POST'],
  pattern: /^\/api\/repos\/create$/,
  async handle(exchange) {
    const { state, token, raced } = exchange;
    const { name, organization, type = 'model', visibility, private: isPrivate } = await jsonBody(exchange);
    if (typeof name !== 'string' || (type !== 'model' && type !== 'dataset')) {
      return refused({ status: 400, message: 'The fake hub makes models and datasets with a name' });
    }
    const id = `${typeof organization === 'string' ? organization : (token?.user ?? '')}/${name}`;
    const refusal = refuseWrite(id, token);
    if (refusal !== undefined) return refused(refusal);
    const options = {
      id,
      type,
      private: visibility === 'private' || isPrivate === true,
      files: { '.gitattributes': gitAttributes },
    } as const;
    const url = `${state.hubUrl}/${type === 'dataset' ? 'datasets/' : ''}${id}`;
    const present = state.repositories.has(repositoryKey(type, id));
    if (raced && !present) state.create(options);
    if (raced || present) return json({ error: `You already created this ${type} repo`, url }, {}, 409);
    state.create(options);
    return json({ url, name: id, id });
  },
};
