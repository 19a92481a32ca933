export interface DiffLine {
  mark: ' ' | '+' | '-';
  text: string;
}

/** Longer changes are told as all old lines and all new ones: nobody would read more of it. */
const mostCells = 4_000_000;

/** What turns the lines of one text into those of another; as few as there can be. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end))
    end++;
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ mark: ' ', text }));
  return [
    ...same(a.slice(0, start)),
    ...changed(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(a.slice(a.length - end)),
  ];
}

function changed(a: string[], b: string[]): DiffLine[] {
  const gone = (text: string): DiffLine => ({ mark: '-', text });
  const added = (text: string): DiffLine => ({ mark: '+', text });
  if (a.length * b.length > mostCells) return [...a.map(gone), ...b.map(added)];
  // common[i][j]: how many lines the rests from i and from j have in common.
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ mark: ' ', text: a[i]! });
      [i, j] = [i + 1, j + 1];
    } else if (
      j >= b.length ||
      (i < a.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    )
      lines.push(gone(a[i++]!));
    else lines.push(added(b[j++]!));
  }
  return lines;
}

/** The lines that changed, with some around them; undefined stands for what is left out. */
export function hunks(lines: readonly DiffLine[], around = 3): (DiffLine | undefined)[] {
  const near = lines.map(() => false);
  for (const [i, { mark }] of lines.entries())
    if (mark !== ' ')
      near.fill(true, Math.max(0, i - around), Math.min(lines.length, i + around + 1));
  return lines.flatMap((line, i) => (near[i] ? [line] : i === 0 || near[i - 1] ? [undefined] : []));
}
