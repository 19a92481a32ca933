/**
 * What a channel server of k3s answers at /v1-release/channels, as a file: install.sh and whoever
 * knows that server look up the version of a channel in it.
 */
export function channelFile(options: { version: string; url: string; names: string[] }): string {
  const self = (name: string): string => `${options.url}/channels${name === '' ? '' : `/${name}`}`;
  return `${JSON.stringify(
    {
      type: 'collection',
      links: { self: self('') },
      actions: {},
      resourceType: 'channels',
      data: options.names.map((name) => ({
        id: name,
        type: 'channel',
        links: { self: self(name) },
        name,
        latest: `v${options.version}`,
      })),
    },
    undefined,
    2,
  )}\n`;
}
