import type { ServerAnswer } from '../../io/https-server.ts';
import { LocalPathRefused } from '../volumes/local-path.ts';
import { sayJson, sayText } from './answer.ts';
import type { NodeView } from './node-view.ts';

/**
 * /localvolumes?root=...&path=...: the server's local-path provisioner has a folder made (POST) or
 * removed (DELETE) here, or tells a new size (PUT).
 */
export async function serveLocalVolumes(
  { localPaths }: Pick<NodeView, 'localPaths'>,
  method: string,
  query: URLSearchParams,
  answer: ServerAnswer,
): Promise<void> {
  const place = { root: query.get('root') ?? '', path: query.get('path') ?? '' };
  try {
    if (method === 'DELETE') await localPaths.remove(place);
    else await localPaths.make(place);
    sayJson(answer, { enforced: false, why: 'its file system is not asked to' });
  } catch (error) {
    if (!(error instanceof LocalPathRefused)) throw error;
    sayText(answer, error.status, error.message);
  }
}
