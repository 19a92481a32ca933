import { own } from '../../base/own.ts';
import type { Fields } from './fields.ts';

const here: Fields = Object.freeze({});

/**
 * Collects paths on a walk from the root of a value through its parts, each of which is entered and
 * left. It keeps the nodes on the way to where the walk is: to find them again from the root for
 * each path makes deep values cost their depth again.
 */
export class FieldsWalk {
  readonly set: Fields = {};
  readonly #path: string[] = [];
  /** Nodes of the first so many elements of the path that have one. */
  readonly #nodes: Fields[] = [this.set];
  /**
   * Nodes with something below them: to ask a large one whether it is empty costs as much as to
   * list it.
   */
  readonly #grown = new WeakSet<Fields>();

  get depth(): number {
    return this.#path.length;
  }

  enter(element: string): void {
    this.#path.push(element);
  }

  leave(): void {
    this.#path.pop();
    if (this.#nodes.length > this.#path.length + 1) this.#nodes.length = this.#path.length + 1;
  }

  /** The part where the walk is belongs to the set. */
  add(): void {
    if (this.#path.length === 0) return;
    const known = this.#nodes.length - 1;
    let node = this.#nodes[known] ?? this.set;
    let fresh = false;
    for (let i = known; i < this.#path.length; i++) {
      const key = this.#path[i] ?? '';
      let child = own(node, key);
      // A leaf that gets something below it says by the dot that it is a member too.
      if (child === undefined && !fresh && node !== this.set && !this.#grown.has(node))
        node['.'] = here;
      fresh = child === undefined;
      child ??= node[key] = {};
      this.#grown.add(node);
      this.#nodes.push((node = child));
    }
    if (this.#grown.has(node)) node['.'] = here;
  }
}
