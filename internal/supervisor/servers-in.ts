import { joinHostPort } from '../base/addresses.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';

/** `address:port` of the servers that one EndpointSlice of the `kubernetes` Service names. */
export function serversIn(slice: EndpointSlice): string[] {
  const port = slice.ports?.find((one) => one.name === 'https')?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) =>
    endpoint.addresses.map((address) => joinHostPort(address, port)),
  );
}
