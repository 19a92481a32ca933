import { isAddress } from '../../base/addresses.ts';
import type { HostAlias } from '../../api/generated/types/core-v1.ts';

const managedHeader = '# Kubernetes-managed hosts file.\n';
const managedHostNetworkHeader = '# Kubernetes-managed hosts file (host network).\n';

/** /etc/hosts of a pod with a network of its own. */
export function podHostsFile(options: {
  ips: string[];
  hostname: string;
  domain: string;
  aliases: HostAlias[] | undefined;
}): string {
  const { hostname, domain } = options;
  const names = domain ? `${hostname}.${domain}\t${hostname}` : hostname;
  return [
    managedHeader,
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...options.ips.filter((ip) => isAddress(ip)).map((ip) => `${ip}\t${names}\n`),
    aliasLines(options.aliases),
  ].join('');
}

/** /etc/hosts of a pod on the host's network: the host's own, and the pod's aliases. */
export function hostNetworkHostsFile(hostFile: string, aliases: HostAlias[] | undefined): string {
  return managedHostNetworkHeader + hostFile + aliasLines(aliases);
}

const hostnameText = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;

/** An alias that is not an address with names is left out: it would be other lines of the file. */
function aliasLines(aliases: HostAlias[] | undefined): string {
  const lines = (aliases ?? []).flatMap((alias) => {
    const names = (alias.hostnames ?? []).filter((name) => hostnameText.test(name));
    return isAddress(alias.ip ?? '') && names.length > 0
      ? [`${alias.ip}\t${names.join('\t')}\n`]
      : [];
  });
  return lines.length > 0 ? `\n# Entries added by HostAliases.\n${lines.join('')}` : '';
}
