import { parseInterface } from '../../base/addresses.ts';
import { messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';

/** Where libcni keeps the result of each ADD, for the DEL (CacheDir of containernetworking/cni). */
export const cniResultsDir = '/var/lib/cni/results';
const op = 'cni.results';
/** The interface of a pod; that of the loopback plug-in is noted, too. */
const podInterface = 'eth0';

/**
 * What libcni notes of a network that was set up for a sandbox (cachedInfo of libcni/api.go), as
 * far as it is read here.
 */
export interface CniResult {
  containerId?: string;
  ifName?: string;
  netns?: string;
  /** base64 of the list that it was set up with. */
  config?: string;
  cniArgs?: [string, string][];
  result?: { interfaces?: { sandbox?: string }[]; ips?: { address?: string }[] };
}

export interface CniResults {
  /**
   * Calls `told` with the addresses of this pod's next sandbox as soon as CNI has given them, long
   * before the sandbox runs. They are a hint: what the runtime says in the end counts. Returns what
   * ends it.
   */
  expect(uid: string, told: (ips: string[]) => void): () => void;
  stop(): void;
}

/** Follows CNI's notes. Where they cannot be followed nobody is told anything. */
export async function followCniResults(
  { disk, log }: { disk: Disk; log: Log },
  dir = cniResultsDir,
): Promise<CniResults> {
  const expected = new Map<string, (ips: string[]) => void>();
  const look = async (name: string): Promise<void> => {
    const noted = parse((await disk.readIfThere(op, `${dir}/${name}`))?.toString());
    if (noted?.ifName !== podInterface) return;
    const uid = noted.cniArgs?.find(([key]) => key === 'K8S_POD_UID')?.[1];
    const ips = (noted.result?.ips ?? []).flatMap(
      ({ address }) => parseInterface(address)?.ip ?? [],
    );
    if (uid === undefined || ips.length === 0) return;
    const told = expected.get(uid);
    expected.delete(uid);
    told?.(ips);
  };
  let unwatch = (): void => undefined;
  try {
    await disk.makeDir(op, dir);
    unwatch = disk.watch(op, dir, (name) => {
      if (expected.size === 0 || name === '') return;
      look(name).catch((error: unknown) =>
        log.debug('a note of CNI cannot be read', { name, error: messageOf(error) }),
      );
    });
  } catch (error) {
    log.info('notes of CNI cannot be followed: pods start a little later', {
      error: messageOf(error),
    });
  }
  return {
    expect: (uid, told) => {
      expected.set(uid, told);
      return () => {
        if (expected.get(uid) === told) expected.delete(uid);
      };
    },
    stop: () => unwatch(),
  };
}

/** Undefined while it is being written. */
function parse(text: string | undefined): CniResult | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isNoted(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isNoted(value: unknown): value is CniResult {
  const { cniArgs, result } = (value ?? {}) as { cniArgs?: unknown; result?: { ips?: unknown } };
  return Array.isArray(cniArgs) && cniArgs.every(Array.isArray) && Array.isArray(result?.ips);
}
