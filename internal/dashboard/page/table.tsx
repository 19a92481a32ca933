import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Notice } from './parts.tsx';

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** What it is sorted by. */
  value: (row: T) => string | number;
  /** Left out where there is little room. */
  wide?: boolean;
}

const rowHeight = 36;
const beyond = 8;

/**
 * A table that draws only the rows that can be seen, and some around them: with thousands of rows
 * it is as quick as with ten. Arrow keys, Page up, Page down, Home and End walk the rows; Tab
 * enters and leaves them.
 */
export function DataTable<T>({
  caption,
  columns,
  rows,
  keyOf,
  textOf,
}: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T) => string;
  /** What the filter looks in. */
  textOf: (row: T) => string;
}): JSX.Element {
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<{ column: number; down: boolean }>({ column: 0, down: false });
  const [active, setActive] = useState(0);
  const [view, setView] = useState({ top: 0, height: 800 });
  const box = useRef<HTMLDivElement>(null);
  const chase = useRef(false);

  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    const kept =
      wanted === '' ? rows : rows.filter((row) => textOf(row).toLowerCase().includes(wanted));
    const { value } = columns[sort.column] ?? columns[0]!;
    const keyed = kept.map((row) => ({ row, key: value(row) }));
    keyed.sort((a, b) => compare(a.key, b.key) * (sort.down ? -1 : 1));
    return keyed.map(({ row }) => row);
  }, [rows, filter, sort, columns]);

  const at = Math.min(active, Math.max(0, shown.length - 1));
  const first = Math.max(0, Math.floor(view.top / rowHeight) - beyond);
  const last = Math.min(shown.length, Math.ceil((view.top + view.height) / rowHeight) + beyond);

  const look = (): void => {
    const { scrollTop = 0, clientHeight = 800 } = box.current ?? {};
    setView({ top: scrollTop, height: clientHeight });
  };
  useLayoutEffect(() => {
    look();
    addEventListener('resize', look);
    return () => removeEventListener('resize', look);
  }, []);
  // The row that the keyboard went to is drawn by now: it takes the focus.
  useLayoutEffect(() => {
    if (!chase.current) return;
    chase.current = false;
    box.current?.querySelector<HTMLElement>(`[data-row="${at}"] a, [data-row="${at}"]`)?.focus();
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: shown.length - 1,
    };
    const target = Object.hasOwn(steps, event.key) ? steps[event.key] : undefined;
    if (target === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(shown.length - 1, target));
    const area = box.current;
    if (area) {
      const from = to * rowHeight;
      if (from < area.scrollTop) area.scrollTop = from;
      else if (from + 2 * rowHeight > area.scrollTop + area.clientHeight)
        area.scrollTop = from + 2 * rowHeight - area.clientHeight;
      look();
    }
    chase.current = true;
    setActive(to);
  };

  return (
    <section class="list">
      <p class="tools">
        <label>
          Filter{' '}
          <input type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        </label>
        <span role="status">
          {shown.length === rows.length ? rows.length : `${shown.length} of ${rows.length}`}
        </span>
      </p>
      <div class="scroll" ref={box} onScroll={look} tabIndex={0} role="region" aria-label={caption}>
        <table aria-rowcount={shown.length + 1} aria-label={caption}>
          <thead>
            <tr>
              {columns.map((column, i) => (
                <th
                  key={column.title}
                  scope="col"
                  class={column.wide ? 'wide' : ''}
                  aria-sort={sort.column === i ? (sort.down ? 'descending' : 'ascending') : 'none'}
                >
                  <button
                    type="button"
                    onClick={() => setSort({ column: i, down: sort.column === i && !sort.down })}
                  >
                    {column.title}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody onKeyDown={onKeyDown}>
            <Space rows={first} columns={columns.length} />
            {shown.slice(first, last).map((row, i) => (
              <tr
                key={keyOf(row)}
                data-row={first + i}
                aria-rowindex={first + i + 2}
                onFocusIn={() => setActive(first + i)}
              >
                {columns.map((column) => (
                  <td key={column.title} class={column.wide ? 'wide' : ''}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
            <Space rows={shown.length - last} columns={columns.length} />
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <Notice>Nothing here.</Notice>}
    </section>
  );
}

/** Stands for rows that are not drawn. */
function Space({ rows, columns }: { rows: number; columns: number }): JSX.Element | null {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true" style={{ height: `${rows * rowHeight}px` }}>
      <td colSpan={columns} class="space" />
    </tr>
  );
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}
