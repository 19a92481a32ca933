import { badRequest } from '../../api/status.ts';

export interface ProxyName {
  scheme: '' | 'http' | 'https';
  name: string;
  port: string;
}

/**
 * `name`, `name:port` or `scheme:name:port` of a proxy path (apimachinery's SplitSchemeNamePort).
 */
export function splitProxyName(resource: string, text: string): ProxyName {
  const parts = text.split(':');
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || (scheme !== '' && scheme !== 'http' && scheme !== 'https'))
    throw badRequest(`invalid ${resource.slice(0, -1)} request ${JSON.stringify(text)}`);
  return { scheme, name, port };
}
