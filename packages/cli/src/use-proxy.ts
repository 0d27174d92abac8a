/**
 * Sends this process's requests through the proxy that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name, in either case of letters: Node's
 * `fetch` does not look at them by itself. Nothing is loaded where none is set.
 */
export async function useProxy(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const named = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => (env[name] ?? '') !== '');
  if (!named) return;
  const { EnvHttpProxyAgent, setGlobalDispatcher } = await import('undici');
  setGlobalDispatcher(new EnvHttpProxyAgent());
}
