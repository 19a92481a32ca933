import type { Target } from './target.ts';

/** One way in that must be closed. */
export interface Attack {
  /** Kebab-case, unique: what is tried, e.g. `nft-text-in-host-ip`. */
  name: string;
  /**
   * Wants a node that runs pods and has a busybox image; without one the attack is skipped and said
   * to be.
   */
  needsNode?: boolean;
  /**
   * Loads the server or judges how long it takes, so that nothing else may go on beside it. Others
   * run beside those of other files.
   */
  alone?: boolean;
  /**
   * Tries it. Resolves to one line that says what got in, or to undefined when the cluster held.
   * Throws when the attack itself could not be carried out.
   */
  run(target: Target): Promise<string | undefined>;
}

/**
 * Many inputs of one kind, tried by one body: `each('kind', {name: input}, (target, input) =>
 * ...)`.
 */
export function each<T>(
  kind: string,
  inputs: Record<string, T>,
  run: (target: Target, input: T) => Promise<string | undefined>,
  options: Pick<Attack, 'needsNode' | 'alone'> = {},
): Attack[] {
  return Object.entries(inputs).map(([name, input]) => ({
    name: `${kind}/${name}`,
    ...options,
    run: (target) => run(target, input),
  }));
}
