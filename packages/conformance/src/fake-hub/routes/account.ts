import { json, refused, type Route } from '../route.js';

/** `GET /api/whoami-v2`: whose token it is. */
export const account: Route = {
  kind: 'account',
  methods: ['GET'],
  pattern: /^\/api\/whoami-v2$/,
  handle: ({ token }) =>
    token === undefined
      ? refused({ status: 401, message: 'Invalid username or password.' })
      : json({
          type: 'user',
          id: token.user,
          name: token.user,
          fullname: token.user,
          orgs: (token.organizations ?? []).map((name) => ({ type: 'org', id: name, name, fullname: name })),
          auth: { type: 'access_token', accessToken: { displayName: 'fake', role: token.readOnly === true ? 'read' : 'write' } },
        }),
};
