import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { useProxy } from './use-proxy.js';

async function serve(handle: (message: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handle);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const direct = getGlobalDispatcher();
afterEach(() => {
  setGlobalDispatcher(direct);
  vi.unstubAllEnvs();
});

it('sends requests through the proxy of the environment, and past it where it is told to', async () => {
  const seen: string[] = [];
  const origin = await serve((_, response) => response.end('the origin'));
  const proxy = await serve((_, response) => response.writeHead(400).end());
  // A tunnel: what EnvHttpProxyAgent asks for whatever the scheme.
  proxy.server.on('connect', (message, socket) => {
    seen.push(message.url ?? '');
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    const [host, port] = (message.url ?? '').split(':');
    const onward = request({ host, port, path: '/', method: 'GET' }, (response) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nthe origin');
      response.resume();
    });
    socket.once('data', () => onward.end());
  });
  const read = async () => (await fetch(origin.url)).text();

  await useProxy({});
  expect(await read()).toBe('the origin');
  expect(seen).toEqual([]);

  vi.stubEnv('http_proxy', proxy.url);
  vi.stubEnv('no_proxy', '');
  await useProxy(process.env);
  expect(await read()).toBe('the origin');
  expect(seen).toEqual([new URL(origin.url).host]);

  vi.stubEnv('no_proxy', '127.0.0.1');
  await useProxy(process.env);
  expect(await read()).toBe('the origin');
  expect(seen).toHaveLength(1);
});
