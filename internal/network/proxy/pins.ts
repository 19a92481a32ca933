import { parseIp, parsePort, type Family, type Ip, type Port } from '../../base/addresses.ts';
import type { Spawn } from '../../io/spawn.ts';
import { mostNumbers } from './affinity.ts';
import { affineMark, masqueradeMark } from './plan.ts';
import { clientMaps, tableOf } from './ruleset.ts';
import { nameOfProtocol, type Protocol } from './service-ports.ts';

/**
 * What the kernel has promised to clients, and who it was promised: read before a full load, which
 * would forget it, and by a new process.
 */
export interface Pins {
  /** Puts the clients of the maps back, each for the rest of its time. */
  text: string;
  /** Endpoints by number, by what a client asked: `placeOf`. */
  promised: Map<string, Map<number, { ip: Ip; port: Port }>>;
}

/** What a client asked: an address, or (without) a node port. */
export const placeOf = (ip: Ip | undefined, protocol: Protocol, port: Port): string =>
  `${ip ?? 'node'} ${protocol} ${port}`;

export async function readPins(spawn: Spawn, family: Family = 4): Promise<Pins> {
  const of = { spawn, table: tableOf(family) };
  const pins: Pins = { text: '', promised: new Map() };
  for (const kind of ['a', 'b'] as const) {
    const clients = await listed(of, clientMaps[kind]);
    const elements = clients.flatMap((element) => clientOf(element, kind === 'b') ?? []);
    if (elements.length > 0)
      pins.text += `add element ${of.table} ${clientMaps[kind]} { ${elements.join(', ')} }\n`;
    for (const element of await listed(of, kind === 'a' ? 'pinned' : 'nppinned'))
      promise(pins, element, kind === 'b');
  }
  return pins;
}

/** The elements of a map as nft's JSON has them; none where there is no such map. */
async function listed(
  { spawn, table }: { spawn: Spawn; table: string },
  map: string,
): Promise<unknown[]> {
  try {
    const command = ['nft', '-j', 'list', 'map', ...table.split(' '), map];
    const shown = await spawn.run('proxy.pins', command);
    if (shown.code !== 0) return [];
    const { nftables } = JSON.parse(shown.stdout.toString()) as { nftables?: unknown };
    const found = list(nftables).find((one) => field(one, 'map') !== undefined);
    return list(field(field(found, 'map'), 'elem'));
  } catch {
    return [];
  }
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;

/** `[{elem: {val: {concat: [client, address, protocol, port]}, timeout, expires}}, mark]`. */
function clientOf(element: unknown, nodePort: boolean): string | undefined {
  const [key, value] = list(element);
  const elem = field(key, 'elem');
  const [client, ...place] = list(field(field(elem, 'val'), 'concat'));
  const [ip, asked, mark] = [parseIp(client), askedOf(place, nodePort), whole(value)];
  const [timeout, expires] = [whole(field(elem, 'timeout')), whole(field(elem, 'expires'))];
  if (!ip || !asked || !mark || !timeout || !expires || numberOf(mark) === undefined)
    return undefined;
  const at = [ip, ...(asked.ip ? [asked.ip] : []), asked.protocol, asked.port].join(' . ');
  return `${at} timeout ${timeout}s expires ${expires}s : ${mark}`;
}

/** `[{concat: [address, protocol, port, mark]}, {concat: [endpoint, port]}]`. */
function promise({ promised }: Pins, element: unknown, nodePort: boolean): void {
  const [key, value] = list(element);
  const parts = list(field(key, 'concat'));
  const [endpoint, endpointPort] = list(field(value, 'concat'));
  const asked = askedOf(parts.slice(0, -1), nodePort);
  const [ip, port] = [parseIp(endpoint), parsePort(endpointPort)];
  const number = numberOf(whole(parts.at(-1)) ?? 0);
  if (!asked || !ip || !port || number === undefined) return;
  const place = placeOf(asked.ip, asked.protocol, asked.port);
  promised.set(place, (promised.get(place) ?? new Map()).set(number, { ip, port }));
}

function askedOf(
  parts: unknown[],
  nodePort: boolean,
): { ip: Ip | undefined; protocol: Protocol; port: Port } | undefined {
  const [protocol, port] = [nameOfProtocol(parts.at(-2)), parsePort(parts.at(-1))];
  const ip = nodePort ? undefined : parseIp(parts[0]);
  if (!protocol || !port || (!nodePort && !ip)) return undefined;
  return { ip, protocol, port };
}

function numberOf(mark: number): number | undefined {
  const number = mark & ~(affineMark | masqueradeMark);
  return (mark & affineMark) !== 0 && number < mostNumbers ? number : undefined;
}
