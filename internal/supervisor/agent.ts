import { ConfigError } from '../base/errors.ts';
import type { AgentConfig } from './config.ts';

/** A node that joins a server elsewhere. */
export function startAgent(config: AgentConfig): Promise<void> {
  throw new ConfigError(
    `joining ${config.server} is not there yet: this release runs its node beside the server`,
    { op: 'agent', hint: 'use "skiff server"' },
  );
}
