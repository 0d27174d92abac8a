import { cliPage } from './cli-page.js';
import { configPage } from './config-page.js';
import { errorPages } from './error-pages.js';
import type { Page } from './page.js';
import { loadPlugins, packagePages } from './plugin-pages.js';

/** Every page that comes from the sources. The packages have to be built. */
export async function generatePages(): Promise<readonly Page[]> {
  const plugins = await loadPlugins();
  return [cliPage(), configPage(plugins), ...packagePages(plugins), ...errorPages()];
}
