import type { JSX } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import { endOfCertificate, secretText } from './certificate.ts';
import { secrets } from './kinds.ts';
import { ListState } from './list-view.tsx';
import type { KubeObject, SecretObject } from './objects.ts';
import { Foreign } from './parts.tsx';
import { objectPlace } from './paths.ts';
import { SessionContext } from './session.ts';
import { DataTable, type Column } from './table.tsx';
import { useListing, useNow } from './use.ts';

const query = { fieldSelector: 'type=kubernetes.io/tls' };
const dayMs = 86_400_000;
/** Whatever renews certificates should have done it by then. */
const soonDays = 14;

interface Row {
  object: KubeObject;
  /** Milliseconds since 1970; undefined when it cannot be read. */
  endMs: number | undefined;
}

/** Secrets with a certificate, and when each ends. */
export function TlsSecretsView(): JSX.Element {
  const { namespace } = useContext(SessionContext);
  const listing = useListing(secrets, namespace, 'objects', query);
  const now = useNow(60_000);
  const columns = useMemo(() => columnsOf(now), [now]);
  return (
    <>
      <h1>TLS Secrets</h1>
      <ListState listing={listing} what="TLS Secrets" />
      {listing && !listing.refused && (
        <DataTable
          caption="TLS Secrets"
          columns={columns}
          rows={[...listing.rows.values()].map(({ object }) => rowOf(object as SecretObject))}
          keyOf={({ object: { metadata } }) => `${metadata.namespace}/${metadata.name}`}
          textOf={({ object: { metadata } }) => `${metadata.namespace}/${metadata.name}`}
        />
      )}
    </>
  );
}

const rowOf = (object: SecretObject): Row => ({
  object,
  endMs: endOfCertificate(secretText(object.data?.['tls.crt'])),
});

function columnsOf(now: number): Column<Row>[] {
  return [
    {
      title: 'Name',
      value: ({ object }) => object.metadata.name,
      cell: ({ object: { metadata } }) => (
        <a href={objectPlace({ ...secrets, namespace: metadata.namespace, name: metadata.name })}>
          <Foreign text={metadata.name} />
        </a>
      ),
    },
    {
      title: 'Namespace',
      wide: true,
      value: ({ object }) => object.metadata.namespace ?? '',
      cell: ({ object }) => <Foreign text={object.metadata.namespace ?? ''} />,
    },
    {
      title: 'Ends',
      value: ({ endMs }) => endMs ?? 0,
      cell: ({ endMs }) =>
        endMs === undefined ? 'cannot be read' : new Date(endMs).toISOString().slice(0, 10),
    },
    {
      title: 'In',
      value: ({ endMs }) => endMs ?? 0,
      cell: ({ endMs }) => <Left days={Math.floor(((endMs ?? NaN) - now) / dayMs)} />,
    },
  ];
}

function Left({ days }: { days: number }): JSX.Element | null {
  if (Number.isNaN(days)) return null;
  if (days < 0) return <span class="bad">ended</span>;
  return <span class={days < soonDays ? 'bad' : 'good'}>{days} days</span>;
}
