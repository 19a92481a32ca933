import type { Server } from '../server.ts';

/** Registers every subresource and every resource that is not simply stored. */
export function addSubresources(_server: Server): void {}
