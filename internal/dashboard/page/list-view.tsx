import type { JSX } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import type { Listing, Row } from './listing.ts';
import type { TableColumn } from './objects.ts';
import { objectPlace, type Kind } from './paths.ts';
import { Failure, Foreign, Notice } from './parts.tsx';
import { SessionContext } from './session.ts';
import { DataTable, type Column } from './table.tsx';
import { ago, quantity } from './text.ts';
import { useListing, useNow } from './use.ts';

/** Any kind, with the columns that the server has for it. */
export function ListView({ title, kind }: { title: string; kind: Kind }): JSX.Element {
  const { namespace } = useContext(SessionContext);
  const listing = useListing(kind, namespace, 'table');
  return (
    <>
      <h1>{title}</h1>
      <ListState listing={listing} what={title} />
      {listing && !listing.refused && <KindTable title={title} kind={kind} listing={listing} />}
    </>
  );
}

export function ListState({
  listing,
  what,
}: {
  listing: Listing | undefined;
  what: string;
}): JSX.Element | null {
  const { namespace } = useContext(SessionContext);
  if (listing?.refused)
    return (
      <>
        <Failure error={listing.refused} />
        {listing.refused.code === 403 && namespace === undefined && (
          <Notice>You may be allowed to see {what} of one namespace: choose it above.</Notice>
        )}
      </>
    );
  if (listing?.trouble !== undefined)
    return <Notice bad>Not up to date, trying again: {listing.trouble}</Notice>;
  if (!listing?.complete) return <Notice>Loading {what} …</Notice>;
  return null;
}

export function KindTable({
  title,
  kind,
  listing,
}: {
  title: string;
  kind: Kind;
  listing: Listing;
}): JSX.Element {
  const { namespace } = useContext(SessionContext);
  const now = useNow();
  const shown = listing.columns.map(({ name }) => name).join(' ');
  const columns = useMemo(
    () => columnsOf(kind, listing.columns, namespace === undefined, now),
    [kind, shown, namespace, now],
  );
  return (
    <DataTable
      caption={title}
      columns={columns}
      rows={[...listing.rows.values()]}
      keyOf={(row) => row.key}
      textOf={(row) => `${row.key} ${row.cells.join(' ')}`}
    />
  );
}

function columnsOf(
  kind: Kind,
  table: readonly TableColumn[],
  withNamespace: boolean,
  now: number,
): Column<Row>[] {
  const name: Column<Row> = {
    title: 'Name',
    value: ({ object }) => object.metadata.name,
    cell: ({ object: { metadata } }) => (
      <a href={objectPlace({ ...kind, namespace: metadata.namespace, name: metadata.name })}>
        <Foreign text={metadata.name} />
      </a>
    ),
  };
  const home: Column<Row> = {
    title: 'Namespace',
    wide: true,
    value: ({ object }) => object.metadata.namespace ?? '',
    cell: ({ object }) => <Foreign text={object.metadata.namespace ?? ''} />,
  };
  const others = table.flatMap(({ name: title, priority }, i): Column<Row>[] => {
    if (title === 'Name' || priority > 0) return [];
    if (title === 'Age')
      return [
        {
          title,
          value: ({ object }) => -Date.parse(object.metadata.creationTimestamp ?? '') || 0,
          cell: ({ object }) => ago(object.metadata.creationTimestamp, now),
        },
      ];
    return [
      {
        title,
        wide: i > 2,
        value: ({ cells }) => sortable(cells[i]),
        cell: ({ cells }) => <Cell title={title} value={cells[i]} />,
      },
    ];
  });
  return [name, ...(kind.namespaced && withNamespace ? [home] : []), ...others];
}

const good =
  /^(?:Running|Ready|Active|Bound|Available|Complete|Completed|Succeeded|Approved,Issued|Normal)$/;
const wrong = /Err|BackOff|Failed|Lost|Evicted|OOMKilled|NotReady|Unknown|Denied|Warning|Invalid/;

function Cell({ title, value }: { title: string; value: unknown }): JSX.Element {
  const text = value === null || value === undefined ? '' : String(value);
  if (!['Status', 'Phase', 'Type', 'Condition'].includes(title)) return <Foreign text={text} />;
  return (
    <span class={good.test(text) ? 'good' : wrong.test(text) ? 'bad' : ''}>
      <Foreign text={text} />
    </span>
  );
}

/** Numbers and quantities by what they are worth, the rest by its letters. */
function sortable(value: unknown): string | number {
  if (typeof value === 'number') return value;
  const text = String(value ?? '');
  const number = quantity(text);
  return Number.isNaN(number) ? text : number;
}
