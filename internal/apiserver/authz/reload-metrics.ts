import type { Clock } from '../../io/clock.ts';

/** apiserver_authorization_config_controller_*. */
export class ReloadMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #counts = new Map<string, { count: number; atSeconds: number }>();
  #hash = '';

  constructor(clock: Clock, server: string) {
    this.#clock = clock;
    this.#server = server;
  }

  reloaded(well: boolean): void {
    const status = well ? 'success' : 'failure';
    this.#counts.set(status, {
      count: (this.#counts.get(status)?.count ?? 0) + 1,
      atSeconds: this.#clock.now() / 1000,
    });
  }

  /** The file with this hash is in force. */
  applied(hash: string): void {
    this.#hash = hash;
  }

  lines(): string[] {
    const prefix = 'apiserver_authorization_config_controller_';
    const server = `apiserver_id_hash="${this.#server}"`;
    const rows = [...this.#counts];
    return [
      `# TYPE ${prefix}automatic_reloads_total counter`,
      ...rows.map(
        ([status, { count }]) =>
          `${prefix}automatic_reloads_total{${server},status="${status}"} ${count}`,
      ),
      `# TYPE ${prefix}automatic_reload_last_timestamp_seconds gauge`,
      ...rows.map(
        ([status, { atSeconds }]) =>
          `${prefix}automatic_reload_last_timestamp_seconds{${server},status="${status}"} ` +
          `${atSeconds}`,
      ),
      `# TYPE ${prefix}last_config_info gauge`,
      `${prefix}last_config_info{${server},hash="${this.#hash}"} 1`,
    ];
  }
}
