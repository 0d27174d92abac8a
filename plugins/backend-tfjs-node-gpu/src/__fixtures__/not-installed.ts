import { findInstallation } from '../install/installation.js';

/** Why tests of the backend cannot run here, or nothing. */
export async function notInstalled(): Promise<string | undefined> {
  const found = await findInstallation();
  return 'folder' in found ? undefined : `${found.join('; ')}: run \`nla backend install tensorflow\``;
}
