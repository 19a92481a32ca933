import { ApiError } from '../../api/status.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { PodObjects } from './ports.ts';

/** The pod objects of an API server. `mirrorOf` finds the one that stands for a static pod. */
export function podObjects(client: Client, mirrorOf: PodObjects['mirrorOf']): PodObjects {
  return {
    mirrorOf,
    async delete({ metadata: { namespace, name, uid } }) {
      try {
        await client.delete(
          refs.pods,
          { namespace, name: name! },
          { gracePeriodSeconds: 0, preconditions: { uid } },
        );
      } catch (error) {
        const gone =
          error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict');
        if (!gone) throw error;
      }
    },
  };
}
