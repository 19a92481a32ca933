import type { ApiServerOptions } from '../apiserver/options.ts';
import { configFile } from '../io/config-file.ts';
import type { ApiServerSettings } from './config.ts';
import type { Doors } from './doors.ts';

type Files = Pick<Doors, 'disk' | 'clock'>;

/**
 * What the API server is asked for in files of the operator's: who else names users, and who else
 * is asked whether they may.
 */
export async function apiServerFiles(
  settings: ApiServerSettings,
  files: Files,
): Promise<Pick<ApiServerOptions, 'authenticationConfig' | 'oidc' | 'authorization'>> {
  const authorization = authorizationOf(settings, files);
  return { ...(await authenticationOf(settings, files)), ...(authorization && { authorization }) };
}

async function authenticationOf(
  { authenticationConfig, oidc }: ApiServerSettings,
  { disk, clock }: Files,
): Promise<Pick<ApiServerOptions, 'authenticationConfig' | 'oidc'>> {
  if (authenticationConfig !== undefined)
    return { authenticationConfig: configFile(authenticationConfig, { disk, clock }) };
  if (!oidc) return {};
  const { caFile, ...flags } = oidc;
  return {
    oidc: {
      ...flags,
      ...(caFile !== undefined && { ca: (await disk.read('oidc-ca-file', caFile)).toString() }),
    },
  };
}

function authorizationOf(
  { authorizationConfig, authorization }: ApiServerSettings,
  { disk, clock }: Files,
): ApiServerOptions['authorization'] {
  if (authorizationConfig !== undefined)
    return { config: configFile(authorizationConfig, { disk, clock }), disk };
  if (!authorization) return undefined;
  const { modes, webhook } = authorization;
  return {
    disk,
    ...(modes && { modes }),
    ...(webhook && { webhook: { ...webhook, configFile: webhook.configFile ?? '' } }),
  };
}
