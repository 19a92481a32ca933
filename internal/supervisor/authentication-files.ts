import type { ApiServerOptions } from '../apiserver/options.ts';
import { configFile } from '../io/config-file.ts';
import type { ApiServerSettings } from './config.ts';
import type { Doors } from './doors.ts';

/** What the API server is asked for in files of the operator's: who else names users. */
export async function authenticationFiles({ authenticationConfig, oidc }: ApiServerSettings, { disk, clock }: Pick<Doors, 'disk' | 'clock'>): Promise<Pick<ApiServerOptions, 'authenticationConfig' | 'oidc'>> {
  if (authenticationConfig !== undefined) return { authenticationConfig: configFile(authenticationConfig, { disk, clock }) };
  if (!oidc) return {};
  const { caFile, ...flags } = oidc;
  return { oidc: { ...flags, ...(caFile !== undefined && { ca: (await disk.read('oidc-ca-file', caFile)).toString() }) } };
}
