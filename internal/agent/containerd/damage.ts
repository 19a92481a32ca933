/**
 * What bbolt says of a file that is no (whole) database of its own. A lock that another process
 * holds is no damage.
 */
const brokenFile =
  /invalid database|version mismatch|checksum error|file size too small|invalid freelist|invalid page type|unexpected EOF|structure needs cleaning/i;
const failedPlugin =
  /failed to load plugin \\?"?(io\.containerd\.(?:metadata\.v1\.bolt|snapshotter\.v1\.[\w-]+))\\?"?.*?error="(.*)"\s*$/;
/**
 * A trace of a program that died while it read its database: a page that is nonsense, or that the
 * disk has not got.
 */
const died = /^(?:panic: |fatal error: fault|\[signal SIGBUS)/m;

/**
 * Why containerd's own databases are taken for damaged, from what it said since its start;
 * undefined = nothing says so.
 */
export function damageIn(said: string, ended: boolean): string | undefined {
  for (const line of said.split('\n')) {
    const [, plugin, error = ''] = failedPlugin.exec(line) ?? [];
    if (plugin && brokenFile.test(error)) return `${plugin}: ${error}`;
  }
  if (!ended || !died.test(said) || !/go\.etcd\.io\/bbolt\./.test(said)) return undefined;
  return (
    'containerd died in its database: ' +
    `${/^(?:panic|fatal error): (.*)$/m.exec(said)?.[1] ?? 'SIGBUS'}`
  );
}
