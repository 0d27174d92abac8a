// A package registry on loopback for one rehearsal: holds what is published to it, fetches everything else from the machine's registry.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runServer } from 'verdaccio';

/**
 * Starts a registry whose storage is `folder`.
 *
 * @param {object} options
 * @param {string} options.folder where storage, log and accounts lie; a new folder
 * @param {string} options.uplink address of the registry that other packages come from
 * @param {readonly string[]} options.own names that are never looked for there
 * @returns {Promise<{ url: string, npmrc: string, close: () => Promise<void> }>} `npmrc` are the lines a client needs to publish
 */
export async function startLocalRegistry({ folder, uplink, own }) {
  mkdirSync(folder, { recursive: true });
  const everyone = { access: '$all', publish: '$authenticated' };
  const config = {
    configPath: join(folder, 'config.yaml'),
    self_path: join(folder, 'config.yaml'),
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: 1 } },
    uplinks: { machine: { url: uplink, timeout: '120s', max_fails: 20, fail_timeout: '1s' } },
    packages: { ...Object.fromEntries(own.map((name) => [name, everyone])), '**': { ...everyone, proxy: 'machine' } },
    web: { enable: false },
    max_body_size: '200mb',
    log: { type: 'file', path: join(folder, 'registry.log'), level: 'warn' },
  };
  writeFileSync(config.configPath, '');
  const server = await runServer(config, { listenArg: 'http://127.0.0.1:0' });
  await new Promise((listening, failed) => server.once('error', failed).listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const response = await fetch(`${url}-/user/org.couchdb.user:rehearsal`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'rehearsal', password: 'rehearsal' }),
  });
  const { token } = await response.json();
  if (typeof token !== 'string') throw new Error(`The local registry gave no token: status ${response.status}`);
  return {
    url,
    npmrc: `registry=${url}\n${url.replace('http:', '')}:_authToken=${token}\n`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
