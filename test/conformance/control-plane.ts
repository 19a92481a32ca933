import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { realRandom } from '../../internal/io/random.ts';
import { issueCa, issueCert } from '../../internal/pki/certificate.ts';
import { run, until } from '../e2e/node.ts';

/**
 * Upstream's own kube-apiserver, controller manager and scheduler on this machine, on a store of
 * somebody's. No node, unless it is given the `address` of this machine that nodes reach it by:
 * then it gives them ranges for pods, lets them join by bootstrap tokens, and believes none whose
 * serving certificate its authority has not signed.
 */
export class ControlPlane {
  readonly kubeconfig: string;
  readonly dir: string;
  readonly #tools: string;
  readonly #children: ChildProcess[] = [];
  readonly #names = new Map<ChildProcess, string>();

  readonly #address: string | undefined;

  constructor(tools: string, dir: string, { address }: { address?: string } = {}) {
    this.#address = address;
    this.#tools = tools;
    this.dir = dir;
    this.kubeconfig = join(dir, 'admin.kubeconfig');
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    this.#writeIdentities();
  }

  /** Starts a program that stays until `stop`; its output goes to a file of its name. */
  start(name: string, command: string[]): ChildProcess {
    const log = openSync(join(this.dir, `${name}.log`), 'a');
    const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', log, log] });
    this.#children.unshift(child);
    this.#names.set(child, name);
    return child;
  }

  /**
   * `store` is an etcd's client URL; to one of https the API server shows a certificate of the
   * authority in `ca.crt`.
   */
  async up(store: string): Promise<void> {
    await this.upApi(store);
    const kubeconfig = this.kubeconfig;
    const common = [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
    ];
    this.start('kube-controller-manager', [
      join(this.#tools, 'kube-controller-manager'),
      ...common,
      `--secure-port=${await freePort()}`,
      `--service-account-private-key-file=${this.#at('sa.key')}`,
      `--root-ca-file=${this.#at('ca.crt')}`,
      `--cluster-signing-cert-file=${this.#at('ca.crt')}`,
      `--cluster-signing-key-file=${this.#at('ca.key')}`,
      '--use-service-account-credentials=true',
      ...(this.#address === undefined
        ? []
        : [
            '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
            '--allocate-node-cidrs=true',
            '--cluster-cidr=10.42.0.0/16',
          ]),
    ]);
    this.start('kube-scheduler', [
      join(this.#tools, 'kube-scheduler'),
      ...common,
      `--secure-port=${await freePort()}`,
    ]);
  }

  get #host(): string {
    return this.#address ?? '127.0.0.1';
  }

  /** Where its API server answers. */
  get url(): string {
    return /https:[^"]*/.exec(readFileSync(this.kubeconfig, 'utf8'))?.[0] ?? '';
  }

  #at(name: string): string {
    return join(this.dir, name);
  }

  /** The API server alone. */
  async upApi(store: string): Promise<ChildProcess> {
    const port = await freePort();
    const at = (name: string): string => this.#at(name);
    this.#writeKubeconfig(port);
    const tls = store.startsWith('https:')
      ? [
          `--etcd-cafile=${at('ca.crt')}`,
          `--etcd-certfile=${at('admin.crt')}`,
          `--etcd-keyfile=${at('admin.key')}`,
        ]
      : [];
    const api = this.start('kube-apiserver', [
      join(this.#tools, 'kube-apiserver'),
      `--etcd-servers=${store}`,
      ...tls,
      '--service-cluster-ip-range=10.43.0.0/16',
      `--bind-address=${this.#host}`,
      `--secure-port=${port}`,
      ...(this.#address === undefined
        ? []
        : [
            '--enable-bootstrap-token-auth=true',
            '--kubelet-preferred-address-types=InternalIP',
            `--kubelet-certificate-authority=${at('ca.crt')}`,
            `--kubelet-client-certificate=${at('admin.crt')}`,
            `--kubelet-client-key=${at('admin.key')}`,
          ]),
      `--tls-cert-file=${at('server.crt')}`,
      `--tls-private-key-file=${at('server.key')}`,
      `--client-ca-file=${at('ca.crt')}`,
      `--service-account-key-file=${at('sa.pub')}`,
      `--service-account-signing-key-file=${at('sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      `--requestheader-client-ca-file=${at('ca.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${at('proxy.crt')}`,
      `--proxy-client-key-file=${at('proxy.key')}`,
    ]);
    await until(
      'the API server is ready',
      () =>
        run([
          join(this.#tools, 'kubectl'),
          `--kubeconfig=${this.kubeconfig}`,
          'get',
          '--raw',
          '/readyz',
        ]).stdout === 'ok',
      { seen: () => `see ${at('kube-apiserver.log')}` },
    );
    return api;
  }

  /** Ends what was started, the newest first. */
  async stop(): Promise<void> {
    await this.#end(this.#children.splice(0));
  }

  /** Ends some of them by name; the others go on. */
  async stopPrograms(names: string[]): Promise<void> {
    await this.#end(this.#children.filter((child) => names.includes(this.#names.get(child) ?? '')));
  }

  async #end(children: ChildProcess[]): Promise<void> {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const impatient = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(impatient);
    }
  }

  #writeIdentities(): void {
    const doors = { nowMs: Date.now(), random: realRandom };
    const ca = issueCa({ ...doors, cn: 'swap-ca' });
    const write = (name: string, text: string): void =>
      writeFileSync(join(this.dir, name), text, { mode: 0o600 });
    const pair = (name: string, { cert, key }: { cert: string; key: string }): void => {
      write(`${name}.crt`, cert);
      write(`${name}.key`, key);
    };
    pair('ca', ca);
    pair(
      'admin',
      issueCert({ ...doors, ca, cn: 'admin', orgs: ['system:masters'], usages: ['client'] }),
    );
    pair(
      'server',
      issueCert({
        ...doors,
        ca,
        cn: 'kube-apiserver',
        usages: ['server'],
        sans: ['localhost', 'kubernetes.default.svc', '127.0.0.1', '10.43.0.1', this.#host],
      }),
    );
    pair('proxy', issueCert({ ...doors, ca, cn: 'front-proxy', usages: ['client'] }));
    const tokens = generateKeyPairSync('rsa', { modulusLength: 2048 });
    write('sa.key', tokens.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
    write('sa.pub', tokens.publicKey.export({ type: 'spki', format: 'pem' }).toString());
  }

  #writeKubeconfig(port: number): void {
    const base64 = (name: string): string => readFileSync(join(this.dir, name)).toString('base64');
    writeFileSync(
      this.kubeconfig,
      [
        'apiVersion: v1',
        'kind: Config',
        `clusters: [{name: c, cluster: {server: "https://${this.#host}:${port}", ` +
          `certificate-authority-data: ${base64('ca.crt')}}}]`,
        `users: [{name: u, user: {client-certificate-data: ${base64('admin.crt')}, ` +
          `client-key-data: ${base64('admin.key')}}}]`,
        'contexts: [{name: x, context: {cluster: c, user: u}}]',
        'current-context: x',
        '',
      ].join('\n'),
      { mode: 0o600 },
    );
  }
}

/** The words that start an etcd of one member. */
export async function etcdCommand({
  binary,
  dataDir,
  listen,
  advertise = listen,
}: {
  binary: string;
  dataDir: string;
  listen: string;
  advertise?: string;
}): Promise<string[]> {
  const peer = `http://127.0.0.1:${await freePort()}`;
  const flags = {
    'data-dir': dataDir,
    'listen-client-urls': listen,
    'advertise-client-urls': advertise,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'log-level': 'error',
  };
  return [binary, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
