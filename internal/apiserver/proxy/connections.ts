import type { Connect } from '../server.ts';

/**
 * Subresources that are a connection (log, exec, attach, portforward, proxy): they have no answer
 * that could be told but by HTTP.
 */
export class Connections {
  readonly #known = new Map<string, Connect>();

  add(group: string, resource: string, subresource: string, connect: Connect): void {
    this.#known.set(`${group}/${resource}/${subresource}`, connect);
  }

  find(group: string, resource: string, subresource: string): Connect | undefined {
    return this.#known.get(`${group}/${resource}/${subresource}`);
  }
}
