import type { Paths } from '../http/serve.ts';
import type { Server } from '../server.ts';

/** /openapi/v2 and /openapi/v3 */
export function addOpenApi(_server: Server, _paths: Paths): void {}
