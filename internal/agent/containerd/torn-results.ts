import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { CriClient } from '../cri/client.ts';
import { cniResultsDir } from './cni-results.ts';

const op = 'cni.results';
/** libcni's words for a result that it cannot read. */
const unreadable = /cached result: (?:decoding|failed to|unmarshal|json)/;

/**
 * A CNI result that was half written when the disk was full can never be read, and its sandbox
 * never be stopped. Without the file a DEL goes by the configuration, which is enough. Returns a
 * client that takes such files away and stops the sandbox again.
 */
export function withoutTornResults(
  cri: CriClient,
  { disk, log, dir = cniResultsDir }: { disk: Disk; log: Log; dir?: string },
): CriClient {
  return {
    ...cri,
    stopPodSandbox: async (request, options) => {
      try {
        return await cri.stopPodSandbox(request, options);
      } catch (error) {
        if (
          !(error instanceof Error && unreadable.test(error.message)) ||
          !(await removeTorn(disk, dir, request.podSandboxId ?? 'no sandbox', log))
        )
          throw error;
        return await cri.stopPodSandbox(request, options);
      }
    },
  };
}

/** True when there was one. */
async function removeTorn(disk: Disk, dir: string, sandbox: string, log: Log): Promise<boolean> {
  let found = false;
  for (const name of await disk.list(op, dir)) {
    if (!name.includes(sandbox)) continue;
    try {
      JSON.parse((await disk.read(op, `${dir}/${name}`)).toString());
    } catch {
      await disk.remove(op, `${dir}/${name}`);
      log.warn('a result of CNI was torn and is taken away', { file: `${dir}/${name}` });
      found = true;
    }
  }
  return found;
}
