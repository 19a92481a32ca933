import { realDial, type Dial, type DialTarget } from '../../io/dial.ts';
import { IoError } from '../../base/errors.ts';

/**
 * Connects to this machine in the place of addresses that only a cluster has, after what was asked
 * for has been judged. Everything else goes where it says.
 */
export function redirectedDial(places: Readonly<Record<string, string>>): Dial {
  const moved = (op: string, target: DialTarget): DialTarget => {
    const to = places[target.host];
    if (to === undefined) return target;
    if (target.mayReach && !target.mayReach(target.host))
      throw new IoError(`${op}: address not allowed`, {
        op,
        cause: new Error('address not allowed'),
      });
    return { ...target, host: to, mayReach: undefined };
  };
  return {
    request: async (op, target, request) => await realDial.request(op, moved(op, target), request),
    connect: async (op, target) => await realDial.connect(op, moved(op, target)),
  };
}
