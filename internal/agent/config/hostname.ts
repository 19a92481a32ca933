import type { Pod } from '../../api/generated/types/core-v1.ts';

const longestHostname = 63;
/** The kernel's nodename holds 64 characters. */
const longestNodename = 64;

/** It becomes lines of /etc/hosts and the kernel's name. */
const hostnameText = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** The short name of a pod, and the domain its subdomain gives it (empty without one). */
export function hostnameAndDomain(
  pod: Pod,
  clusterDomain: string,
): { hostname: string; domain: string } {
  const { spec, metadata } = pod;
  const checked = (text: string): string => {
    if (text === '' || hostnameText.test(text)) return text;
    throw new Error(
      `hostname for pod ${JSON.stringify(metadata.name ?? '')} was invalid: ` +
        `${JSON.stringify(text.slice(0, 80))}`,
    );
  };
  if (spec.hostnameOverride)
    return { hostname: checked(truncated(spec.hostnameOverride, metadata.name ?? '')), domain: '' };
  const hostname = checked(truncated(spec.hostname || (metadata.name ?? ''), metadata.name ?? ''));
  if (spec.subdomain) checked(spec.subdomain);
  const domain = spec.subdomain
    ? `${spec.subdomain}.${metadata.namespace ?? ''}.svc.${clusterDomain}`
    : '';
  return { hostname, domain };
}

/** What `hostname` says inside the pod. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, domain } = hostnameAndDomain(pod, clusterDomain);
  if (!domain || !pod.spec.setHostnameAsFQDN) return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length > longestNodename) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too ` +
        `long (${longestNodename} characters is the max, ${full.length} characters requested)`,
    );
  }
  return full;
}

function truncated(hostname: string, podName: string): string {
  if (hostname.length <= longestHostname) return hostname;
  const short = hostname.slice(0, longestHostname).replace(/[-.]+$/, '');
  if (short === '')
    throw new Error(
      `hostname for pod ${JSON.stringify(podName)} was invalid: ${JSON.stringify(hostname)}`,
    );
  return short;
}
