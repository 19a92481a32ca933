import { MetricsText, type Sample } from '../../base/metrics/metrics-text.ts';
import { rcodes, types } from '../../wire/dns/message.ts';

const rcodeNames = new Map<number, string>(
  Object.entries(rcodes).map(([name, number]) => [number, name]),
);
/** A stranger's types are as many as he likes. */
const typeNames = new Map<number, string>(
  Object.entries(types).map(([name, number]) => [number, name]),
);
const place = { server: 'dns://:53', zone: '.', view: '' };

type Transport = 'udp' | 'tcp';

/** What this node's DNS was asked and has answered, in CoreDNS' names. */
export class DnsCounts {
  /** By transport, type and, of answers, rcode: numbers, because each question passes here. */
  readonly #asked = new Map<string, number>();
  readonly #answered = new Map<string, number>();

  asked(transport: Transport, type: number): void {
    const key = `${transport} ${typeNames.get(type) ?? 'other'}`;
    this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1);
  }

  answered(transport: Transport, type: number, rcode: number): void {
    const key = `${transport} ${typeNames.get(type) ?? 'other'} ${rcodeNames.get(rcode) ?? rcode}`;
    this.#answered.set(key, (this.#answered.get(key) ?? 0) + 1);
  }

  text(): string {
    const asked = [...this.#asked].map(([key, value]): Sample => {
      const [proto = '', type = ''] = key.split(' ');
      return [{ family: '1', proto, ...place, type }, value];
    });
    const answered = [...this.#answered].map(([key, value]): Sample => {
      const [proto = '', type = '', rcode = ''] = key.split(' ');
      return [{ family: '1', proto, rcode, ...place, type }, value];
    });
    const text = new MetricsText();
    text.family(
      'coredns_dns_requests_total',
      'counter',
      'Questions, by transport and type.',
      asked,
    );
    text.family('coredns_dns_responses_total', 'counter', 'Answers, by their code.', answered);
    return text.toString();
  }
}
